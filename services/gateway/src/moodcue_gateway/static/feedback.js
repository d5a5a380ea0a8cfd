// What a listener says of songs, told to the recommender.

import { ask } from "./ask.js";
import { t } from "./language.js";

/**
 * Build it.
 *
 * @param {() => string} room
 * @param {(error: Error) => void} onProblem
 * @param {(recommendation: object) => void} onAnswer
 */
export function createFeedback(room, onProblem, onAnswer) {
  const liked = new Set();
  const listeners = [];
  const tell = () => listeners.forEach((listener) => listener());

  /** Whether it was heard. */
  const say = async (song, kind) => {
    try {
      onAnswer(await ask({ feedback: { song: song.song, kind }, camera: room() }));
      return true;
    } catch (error) {
      onProblem(error);
      return false;
    }
  };

  return {
    /** Say something of a song: `like`, `dislike`, `skip`, `played`, `not_now`. */
    say,
    /** Like a song; said once. */
    async like(song) {
      if (liked.has(song.song)) {
        return;
      }
      liked.add(song.song);
      tell();
      if (!await say(song, "like")) {
        liked.delete(song.song);
        tell();
      }
    },
    /** Take what the room has said of songs so far. */
    know(entries) {
      liked.clear();
      entries.filter(({ likes, dislikes }) => likes > dislikes).forEach(({ song }) => liked.add(song));
      tell();
    },
    /** Make a button show whether a song is liked. */
    mark(button, song, title) {
      const isLiked = liked.has(song);
      button.classList.toggle("icon-liked", isLiked);
      button.setAttribute("aria-pressed", String(isLiked));
      button.setAttribute("aria-label", t("feedback.like", { title }));
    },
    onChange: (listener) => listeners.push(listener),
  };
}
