// The seven bars: a fill for this moment, a mark for the last window.

import { element, setText } from "./dom.js";
import { EMOTIONS, emotionName } from "./emotions.js";
import { onLanguage, percent } from "./language.js";

/** Build the bars in a list; returns what moves them. */
export function createBars(list) {
  const rows = EMOTIONS.map((emotion) => {
    const fill = element("span", { class: "bar-fill" });
    const mark = element("span", { class: "bar-mark", hidden: true });
    const value = element("span", { class: "bar-value", "aria-hidden": "true" });
    const name = element("span", { class: "bar-name", "aria-hidden": "true" });
    const track = element("span", {
      class: "bar-track", role: "meter", "aria-label": emotion,
      "aria-valuemin": 0, "aria-valuemax": 1, "aria-valuenow": 0,
    }, fill, mark);
    list.append(element("li", { class: "bar", "data-emotion": emotion }, name, track, value));
    return { emotion, fill, mark, name, track, value };
  });
  onLanguage(() => rows.forEach(({ emotion, name, track }) => {
    setText(name, emotionName(emotion));
    track.setAttribute("aria-label", emotionName(emotion));
  }));

  return {
    /** Show the reading of this moment; null when there is none. */
    showMoment(probabilities) {
      list.classList.toggle("bars-quiet", probabilities === null);
      rows.forEach(({ fill, track, value }, position) => {
        const share = probabilities?.[position] ?? 0;
        fill.style.setProperty("--share", share.toFixed(3));
        track.setAttribute("aria-valuenow", share.toFixed(2));
        setText(value, probabilities ? percent(share) : "");
      });
    },
    /** Show where the last window stood; null when it was held. */
    showWindow(probabilities) {
      rows.forEach(({ mark }, position) => {
        mark.hidden = probabilities === null;
        mark.style.setProperty("--share", (probabilities?.[position] ?? 0).toFixed(3));
      });
    },
  };
}
