// The list of songs of one recommendation, with their reasons.

import { artOf } from "./art.js";
import { button, byId, element, replaceRows, setText } from "./dom.js";
import { emotionName } from "./emotions.js";
import { artistName, clockTime, known, number, onLanguage, percent, t } from "./language.js";
import { placeWords } from "./plane.js";
import { changeWords, reasonOf, reasonsFor } from "./reasons.js";

const REASONS = 3;

function detailsOf(song, { place }, asked) {
  const rows = [
    [t("detail.score"), number(song.score, 2)],
    [t("detail.place"), placeWords([song.valence, song.arousal])],
  ];
  if (place) {
    rows.push([t(asked ? "detail.asked" : "detail.listener"), placeWords(place)]);
  }
  for (const [emotion, share] of reasonsFor(song).slice(0, REASONS)) {
    rows.push([emotionName(emotion), number(share, 2)]);
  }
  if (song.fit_rank > 0) {
    rows.push([t("detail.rank"), number(song.fit_rank)]);
  }
  if (song.moved_by) {
    rows.push([t("detail.moved"), known(`moved.${song.moved_by}`) ? t(`moved.${song.moved_by}`) : song.moved_by]);
  }
  if (song.uncertainty > 0) {
    rows.push([t("detail.uncertainty"), number(song.uncertainty, 2)]);
  }
  if (song.liking) {
    const { mean, low, high } = song.liking;
    rows.push([t("detail.liking"), t("detail.liking.range", {
      mean: percent(mean), low: percent(low), high: percent(high),
    })]);
  }
  return element("dl", { class: "reasons" },
    ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

/**
 * Build the list.
 *
 * @param {object} player
 * @param {object} feedback
 * @param {() => string} wish what was asked for by hand, in words
 */
export function createSongs(player, feedback, wish) {
  const list = byId("song-list");
  const plane = byId("plane");
  let shown = null;
  let asked = "";

  const mark = () => {
    const { song: playing, paused } = player.state();
    for (const row of list.children) {
      const active = row.dataset.song === playing;
      row.classList.toggle("song-active", active);
      const play = row.querySelector(".play");
      play.classList.toggle("play-pausing", active && !paused);
      play.setAttribute("aria-label",
        t(active && !paused ? "player.pause.song" : "player.play.song", { title: row.dataset.title }));
      feedback.mark(row.querySelector(".like"), row.dataset.song, row.dataset.title);
    }
  };

  const openOnes = () => new Set([...list.querySelectorAll("details[open]")]
    .map((one) => one.closest("li").dataset.song));

  const rowOf = (song, open) => element("li", {
    class: "song", "data-key": song.song, "data-song": song.song, "data-title": song.title,
  },
  element("div", { class: "song-art" }, artOf(song),
    button({ class: "play" }, () => player.toggle(song))),
  element("div", { class: "song-text" },
    element("p", { class: "song-title" }, song.title),
    element("p", { class: "song-artist" }, artistName(song.artist)),
    element("p", { class: "song-reason" }, reasonOf(song, shown.target))),
  button({ class: "like icon-button" }, () => feedback.like(song)),
  element("details", { class: "song-details", open },
    element("summary", {}, t("why"), element("span", { class: "sr-only" }, ` ${song.title}`)),
    detailsOf(song, shown, asked),
    element("p", { class: "song-words" },
      button({ class: "quiet-button" }, () => feedback.say(song, "dislike"), t("feedback.dislike")),
      button({ class: "quiet-button" }, () => feedback.say(song, "not_now"), t("feedback.not_now")))));

  const headline = () => {
    if (asked) {
      return t("songs.for", { mood: asked });
    }
    if (!shown.emotion) {
      return t("songs");
    }
    const mood = emotionName(shown.emotion);
    return t(known(`songs.${shown.mode}`) ? `songs.${shown.mode}` : "songs.for", { mood });
  };

  const sentence = () => {
    if (asked) {
      return t("songs.asked", { time: clockTime(shown.time) });
    }
    return shown.turning
      ? t("songs.turning", { emotion: emotionName(shown.turning) })
      : t("songs.window", { time: clockTime(shown.time) });
  };

  const show = () => {
    if (shown === null) {
      return;
    }
    setText(byId("songs-title"), headline());
    setText(byId("songs-note"), sentence());
    setText(byId("would-change"), changeWords(shown.least_change));
    const open = openOnes();
    replaceRows(list, shown.songs.map((song) => rowOf(song, open.has(song.song))));
    plane.showSongs(shown.songs);
    plane.showListener(shown.place ?? null, shown.target ?? null);
    plane.describe(() => [
      ...(shown.place ? [t(asked ? "plane.asked" : "plane.listener", { place: placeWords(shown.place) })] : []),
      ...shown.songs.map((song, at) => t("plane.song", {
        number: at + 1, title: song.title, place: placeWords([song.valence, song.arousal]),
      })),
    ].join(" "));
    mark();
  };
  onLanguage(show);
  player.onChange(mark);
  feedback.onChange(mark);

  return {
    /** Show a recommendation with songs. */
    show(recommendation) {
      shown = recommendation;
      asked = wish();
      list.classList.remove("song-list-old");
      show();
      player.setQueue(recommendation.songs);
    },
    /** Say that the songs belong to an earlier window, because the newest one was held. */
    markOld() {
      list.classList.toggle("song-list-old", list.children.length > 0);
    },
  };
}
