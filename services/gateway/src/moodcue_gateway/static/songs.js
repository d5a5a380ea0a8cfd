// The list of songs of one recommendation.

import { byId, element, setText } from "./dom.js";
import { createPlayer } from "./player.js";
import { capitalised, clockTime } from "./words.js";

/** Build the list; returns what fills it. */
export function createSongs() {
  const list = byId("song-list");
  let state = { song: null, playing: false };

  const mark = () => {
    for (const row of list.children) {
      const active = row.dataset.song === state.song;
      row.classList.toggle("song-active", active);
      const button = row.querySelector("button");
      const pausing = active && state.playing;
      button.classList.toggle("play-pausing", pausing);
      button.setAttribute("aria-label", `${pausing ? "Pause" : "Play"} ${row.dataset.title}`);
    }
  };

  const player = createPlayer((song, playing) => {
    state = { song, playing };
    mark();
  });

  const rowOf = (song) => {
    const button = element("button", { type: "button", class: "play" });
    button.addEventListener("click", () => player.toggle(song));
    return element("li", { class: "song", "data-song": song.song, "data-title": song.title },
      button,
      element("div", { class: "song-text" },
        element("p", { class: "song-title" }, song.title),
        element("p", { class: "song-artist" }, song.artist),
        element("p", { class: "song-reason" }, song.reason)),
      element("p", { class: "song-score", title: "cosine similarity, at most 1" },
        song.score.toFixed(2), element("span", { class: "song-score-name" }, "match")));
  };

  return {
    /** Show a recommendation with songs; `mood` names what was asked for by hand. */
    show(recommendation, mood) {
      const { songs, emotion, time } = recommendation;
      const wish = mood ?? emotion;
      setText(byId("songs-title"), wish ? `Songs for ${wish}` : "Songs");
      setText(byId("songs-note"), mood
        ? `${capitalised(mood)}, as you asked at ${clockTime(time)}`
        : `From the window of ${clockTime(time)}`);
      list.replaceChildren(...songs.map(rowOf));
      list.classList.remove("song-list-old");
      player.setQueue(songs);
      mark();
    },
    /** Say that the songs belong to an earlier window, because the newest one was held. */
    markOld() {
      if (list.children.length > 0) {
        list.classList.add("song-list-old");
      }
    },
  };
}
