// What a room's feedback has taught the recommender: to look at, take along, and forget.

import { remove } from "./ask.js";
import { byId, element, setText } from "./dom.js";
import { artistName, dateTime, milliseconds, onLanguage, percent, t } from "./language.js";

const SHOWN = 12;

/**
 * Build the list.
 *
 * @param {() => string} room
 */
export function createTaste(room) {
  let entries = [];

  const rowOf = ({ subject, title, artist, liking, excluded_until: until }) => element("li", {},
    element("span", { class: "liking" }, percent(liking.mean)),
    element("span", {}, subject === "artist" ? artist : title,
      element("span", { class: "quiet" }, subject === "artist" ? ` ${t("taste.artist")}` : ` ${artistName(artist)}`)),
    element("span", { class: "quiet" }, milliseconds(until) > Date.now()
      ? t("taste.away", { until: dateTime(until) })
      : t("taste.range", { low: percent(liking.low), high: percent(liking.high) })));

  const show = () => {
    byId("taste-empty").hidden = entries.length > 0;
    byId("taste").replaceChildren(...entries.slice(0, SHOWN).map(rowOf));
    byId("taste-export").href = `/v1/taste.csv?camera=${encodeURIComponent(room())}`;
  };

  byId("taste-delete").addEventListener("click", async () => {
    try {
      await remove(`/v1/taste?camera=${encodeURIComponent(room())}`);
      entries = [];
      show();
      setText(byId("taste-empty"), t("deleted"));
    } catch (error) {
      byId("taste-empty").hidden = false;
      setText(byId("taste-empty"), error.message);
    }
  });
  onLanguage(show);

  return {
    /** Take what the room has taught. */
    show(learnt) {
      entries = learnt;
      show();
    },
  };
}
