// The people who counted in the last window, and leaving one of them out.

import { ask } from "./ask.js";
import { button, byId, element, replaceRows, setText } from "./dom.js";
import { emotionName, strongest } from "./emotions.js";
import { counted, onLanguage, percent, t } from "./language.js";

/**
 * Build the list.
 *
 * @param {() => string} room whose people they are
 */
export function createPeople(room) {
  let window = null;

  const change = (wish, track) => async ({ target }) => {
    target.disabled = true;
    try {
      await ask({ [wish]: track, camera: room() });
      setText(target, t("people.noted"));
    } catch (error) {
      setText(target, error.message);
    }
  };

  const rowOf = ({ track, probabilities }) => element("li", { "data-key": track },
    element("span", {}, t("people.person", {
      track, emotion: emotionName(strongest(probabilities)), share: percent(Math.max(...probabilities)),
    })),
    button({ class: "quiet-button" }, change("opt_out", track), t("people.leave-out")));

  const outRowOf = ({ track }) => element("li", { "data-key": track },
    element("span", {}, t("people.left-out", { track })),
    button({ class: "quiet-button" }, change("opt_in", track), t("people.count-again")));

  const show = () => {
    const tracks = window?.tracks ?? [];
    const out = window?.opted_out ?? [];
    byId("people").hidden = tracks.length + out.length === 0;
    setText(byId("people-title"), counted("people", tracks.length));
    replaceRows(byId("people-list"), [...tracks.map(rowOf), ...out.map(outRowOf)]);
  };
  onLanguage(show);

  return {
    /** Take a window that has closed; null forgets it. */
    show(event) {
      window = event;
      show();
    },
  };
}
