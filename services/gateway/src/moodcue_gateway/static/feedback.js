// What a listener says of songs, told to the recommender.

import { ask } from "./ask.js";
import { t } from "./language.js";

/**
 * Build it.
 *
 * @param {() => string} room
 * @param {(error: Error) => void} onProblem
 */
export function createFeedback(room, onProblem) {
  const liked = new Set();
  const listeners = [];

  const say = async (song, kind) => {
    try {
      await ask({ feedback: { song: song.song, kind }, camera: room() });
    } catch (error) {
      onProblem(error);
    }
  };

  return {
    /** Say something of a song: `like`, `dislike`, `skip`, `played`, `not_now`. */
    say,
    /** Like a song; said once. */
    like(song) {
      if (!liked.has(song.song)) {
        liked.add(song.song);
        listeners.forEach((tell) => tell());
        say(song, "like");
      }
    },
    /** Make a button show whether a song is liked. */
    mark(button, song, title) {
      const isLiked = liked.has(song);
      button.classList.toggle("icon-liked", isLiked);
      button.setAttribute("aria-pressed", String(isLiked));
      button.setAttribute("aria-label", t("feedback.like", { title }));
    },
    onChange: (tell) => listeners.push(tell),
  };
}
