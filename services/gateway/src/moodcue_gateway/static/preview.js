// The picture that the camera sees, from the browser's own video, with the faces outlined.

import { drawn, element } from "./dom.js";
import { emotionName, strongest } from "./emotions.js";
import { percent, t } from "./language.js";

const FRESH_MS = 1500;

/** What stands at a face: what was read, or why nothing was. */
const faceWords = ({ probabilities, problem }) => (probabilities === null
  ? t(`face.${problem}`)
  : `${emotionName(strongest(probabilities))} ${percent(Math.max(...probabilities))}`);

/** One face, mirrored as the picture is, so that its words stay readable. */
function outlineOf(face, width) {
  const [left, top, wide, high] = face.box;
  const x = width - left - wide;
  const emotion = face.probabilities === null ? "none" : strongest(face.probabilities);
  return drawn("g", { "data-emotion": emotion },
    drawn("rect", { class: "outline", x, y: top, width: wide, height: high, rx: 6 }),
    drawn("text", {
      class: "outline-text", x: x + wide / 2, y: Math.max(14, top - 6), "text-anchor": "middle",
    }, faceWords(face)));
}

/** Build the picture in a figure. */
export function createPreview(figure, video) {
  const overlay = drawn("svg", { class: "preview-overlay", "aria-hidden": "true" });
  figure.append(video, overlay, element("figcaption", { class: "sr-only" }));
  let fading = null;

  const clear = () => overlay.replaceChildren();

  return {
    clear,
    /** Outline the faces of a reading. */
    outline(event) {
      overlay.setAttribute("viewBox", `0 0 ${event.width} ${event.height}`);
      overlay.replaceChildren(...event.faces.map((face) => outlineOf(face, event.width)));
      clearTimeout(fading);
      fading = setTimeout(clear, FRESH_MS);
    },
  };
}
