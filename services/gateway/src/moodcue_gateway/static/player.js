// Playing songs one after another. What plays goes on when the list changes.

import { byId, setText } from "./dom.js";

/**
 * Build the player.
 *
 * @param {(song: string | null, playing: boolean) => void} onChange
 */
export function createPlayer(onChange) {
  const audio = byId("audio");
  let queue = [];
  let current = null;

  const tell = () => onChange(current?.song ?? null, !audio.paused);

  const play = (song) => {
    current = song;
    byId("player").hidden = false;
    setText(byId("player-title"), song.title);
    setText(byId("player-artist"), song.artist);
    setText(byId("player-problem"), "");
    audio.src = `/v1/songs/${encodeURIComponent(song.song)}/audio`;
    // A refusal shows itself through the element's "error" event.
    audio.play().catch(() => {});
    tell();
  };

  const step = (by) => {
    if (queue.length > 0) {
      const at = queue.findIndex(({ song }) => song === current?.song);
      const next = at < 0 ? 0 : (at + by + queue.length) % queue.length;
      play(queue[next]);
    }
  };

  byId("next").addEventListener("click", () => step(1));
  byId("previous").addEventListener("click", () => step(-1));
  audio.addEventListener("ended", () => step(1));
  for (const event of ["play", "pause"]) {
    audio.addEventListener(event, tell);
  }
  audio.addEventListener("error", () => {
    if (current !== null) {
      setText(byId("player-problem"),
        `“${current.title}” cannot be played; is its file still in the music folder?`);
      tell();
    }
  });

  return {
    /** Take the songs that follow. */
    setQueue(songs) {
      queue = songs;
      tell();
    },
    /** Play a song, or pause and go on with it. */
    toggle(song) {
      if (current?.song !== song.song || audio.error) {
        play(song);
      } else if (audio.paused) {
        audio.play().catch(() => {});
      } else {
        audio.pause();
      }
    },
  };
}
