// What is in front of the camera: the face of this moment, the window, and how it fills.

import { createBars } from "./bars.js";
import { byId, setText } from "./dom.js";
import { capitalised, count, EMOTIONS, holdWords, milliseconds, percent } from "./words.js";

const READING_MS = 3000;
const TICK_MS = 200;

const PROBLEMS = {
  too_small: "the face is too small to read",
  too_dark: "the face is too dark to read",
  too_blurred: "the face is too blurred to read",
};

/** The face that counts most: large and surely found. */
const mainFace = (faces) => faces.toSorted((a, b) => weight(b) - weight(a))[0];
const weight = ({ box, score }) => box[2] * box[3] * score;

/** Name of the largest of seven probabilities. */
export const strongest = (probabilities) =>
  EMOTIONS[probabilities.indexOf(Math.max(...probabilities))];

/** Build the part of the page that shows the mood. */
export function createNow() {
  const bars = createBars(byId("bars"));
  let last = null;
  let reading = null;

  const faceText = (event) => {
    if (event.status !== "ok" || event.faces.length === 0) {
      return event.status === "bad_frame" ? "the picture cannot be read" : "nobody in view";
    }
    const face = mainFace(event.faces);
    return PROBLEMS[face.problem] ?? count(event.faces.length, "face in view", "faces in view");
  };

  const showProgress = () => {
    const fresh = reading !== null && performance.now() - reading.arrived < READING_MS;
    if (reading !== null && !fresh) {
      bars.showMoment(null);
      setText(byId("face"), "no picture arrives");
    }
    const progress = byId("window-progress");
    const length = last === null ? 0 : milliseconds(last.end - last.start);
    if (!fresh || length <= 0) {
      progress.value = 0;
      setText(byId("window-left"), fresh ? "the first one is filling" : "");
      return;
    }
    const time = reading.time + performance.now() - reading.arrived;
    const passed = time - milliseconds(last.end);
    progress.value = Math.min(1, Math.max(0, passed / length));
    const left = Math.ceil((length - passed) / 1000);
    setText(byId("window-left"), left > 0 ? `closes in ${left} s` : "closing");
  };
  setInterval(showProgress, TICK_MS);

  return {
    /** Take the reading of one frame. */
    showFace(event) {
      reading = { time: milliseconds(event.time), arrived: performance.now() };
      bars.showMoment(mainFace(event.faces)?.probabilities ?? null);
      setText(byId("face"), faceText(event));
    },
    /** Take a window that has closed. */
    showWindow(event) {
      last = event;
      bars.showWindow(event.probabilities);
      const seen = `${event.frames_with_face} of ${event.frames_expected} pictures with a face`;
      if (event.hold !== null) {
        const [headline, sentence] = holdWords(event.hold);
        setText(byId("mood"), headline);
        setText(byId("mood-lead"), `${sentence} (${seen})`);
        document.documentElement.dataset.mood = "neutral";
      } else if (event.probabilities !== null) {
        const emotion = strongest(event.probabilities);
        setText(byId("mood"), capitalised(emotion));
        setText(byId("mood-lead"), `${percent(event.confidence)} confident, ${seen}`);
        document.documentElement.dataset.mood = emotion;
      }
    },
    /** Forget everything, because another camera was chosen. */
    clear() {
      last = null;
      reading = null;
      bars.showMoment(null);
      bars.showWindow(null);
      setText(byId("face"), "");
      setText(byId("mood"), "Waiting for a face");
      setText(byId("mood-lead"), "Look into the camera. The first songs come when the first window closes.");
    },
  };
}
