// Earlier recommendations, the newest first, each once.

import { byId, element } from "./dom.js";
import { capitalised, clockTime, holdWords } from "./words.js";

const MOST = 40;

const summary = (event) => {
  if (event.hold !== null) {
    return holdWords(event.hold)[0];
  }
  const asked = event.request ? ", asked" : "";
  return `${capitalised(event.emotion || "songs")}${asked}`;
};

const rowOf = (event) => {
  const time = element("time", { datetime: new Date(event.time / 1e6).toISOString() },
    clockTime(event.time));
  const mood = element("span", { class: "history-mood", "data-emotion": event.emotion || "none" },
    summary(event));
  if (event.songs.length === 0) {
    return element("li", { class: "history-hold" }, time, mood);
  }
  const titles = event.songs.map(({ title, artist }) =>
    element("li", {}, `${title} – ${artist}`));
  return element("li", {}, element("details", {},
    element("summary", {}, time, mood,
      element("span", { class: "history-first" }, event.songs[0].title)),
    element("ol", {}, ...titles)));
};

/** Build the history; returns what adds to it. */
export function createHistory() {
  const list = byId("history");
  const kept = [];

  return {
    /** Add recommendations in any order; those that are there already are left out. */
    add(events) {
      const known = new Set(kept.map(({ event }) => event.id));
      const fresh = events.filter(({ id }) => !known.has(id));
      if (fresh.length === 0) {
        return;
      }
      kept.push(...fresh.map((event) => ({ event, row: rowOf(event) })));
      kept.sort((a, b) => b.event.time - a.event.time);
      kept.length = Math.min(kept.length, MOST);
      byId("history-empty").hidden = true;
      const rows = kept.map(({ row }) => row);
      // Rows that stay are left alone, so that an open one keeps its state and its focus.
      for (const row of [...list.children].filter((one) => !rows.includes(one))) {
        row.remove();
      }
      rows.forEach((row, at) => {
        if (list.children[at] !== row) {
          list.insertBefore(row, list.children[at] ?? null);
        }
      });
    },
  };
}
