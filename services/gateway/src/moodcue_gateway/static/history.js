// Earlier recommendations, the newest first, each once.

import { byId, element } from "./dom.js";
import { emotionName, holdWords, quadrantOf } from "./emotions.js";
import { artistName, clockTime, onLanguage, t } from "./language.js";

const MOST = 40;

const summary = (event) => {
  if (event.hold !== null) {
    return holdWords(event.hold)[0];
  }
  if (event.request && !event.window && event.place) {
    return t("history.wish", { music: t(`music.${quadrantOf(event.place)}`) });
  }
  const name = event.emotion ? emotionName(event.emotion) : t("songs");
  return event.request ? t("history.asked", { mood: name }) : name;
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
    element("li", {}, `${title} – ${artistName(artist)}`));
  return element("li", {}, element("details", {},
    element("summary", {}, time, mood,
      element("span", { class: "history-first" }, event.songs[0].title)),
    element("ol", {}, ...titles)));
};

/** Build the history; returns what adds to it. */
export function createHistory() {
  const list = byId("history");
  let kept = [];

  const show = () => {
    byId("history-empty").hidden = kept.length > 0;
    byId("history-playlist").hidden = kept.every(({ event }) => event.songs.length === 0);
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
  };
  onLanguage(() => {
    kept = kept.map(({ event }) => ({ event, row: rowOf(event) }));
    show();
  });

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
      show();
    },
  };
}
