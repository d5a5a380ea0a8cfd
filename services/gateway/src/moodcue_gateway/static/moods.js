// Asking for songs by a word.

import { byId, element, setText } from "./dom.js";
import { capitalised } from "./words.js";

const MOODS = ["calm", "happy", "energetic", "relaxed", "melancholic", "tense"];

/** Ask the recommender; throws an error with a sentence for a person. */
async function ask(mood) {
  const answer = await fetch("/v1/recommend", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ mood }),
  });
  const body = await answer.json();
  if (!answer.ok) {
    throw new Error(body.detail);
  }
  return body;
}

/**
 * Build the buttons. A mood stays chosen until its button is pressed again.
 *
 * @param {(recommendation: object, mood: string) => void} onAnswer
 * @param {() => void} onFollow the camera decides again
 */
export function createMoods(onAnswer, onFollow) {
  const note = byId("moods-note");
  let chosen = null;

  const mark = () => {
    for (const button of byId("moods").children) {
      button.setAttribute("aria-pressed", String(button.dataset.mood === chosen));
    }
  };

  const choose = async (mood) => {
    const again = chosen === mood;
    chosen = again ? null : mood;
    mark();
    if (again) {
      setText(note, "Following the camera again.");
      onFollow();
      return;
    }
    setText(note, `Looking for ${mood} songs …`);
    try {
      const recommendation = await ask(mood);
      if (chosen === mood) {
        setText(note, `Press ${capitalised(mood)} again to follow the camera.`);
        onAnswer(recommendation, mood);
      }
    } catch (error) {
      if (chosen === mood) {
        chosen = null;
        mark();
        setText(note, error instanceof TypeError ? "The gateway cannot be reached." : error.message);
      }
    }
  };

  for (const mood of MOODS) {
    const button = element("button", {
      type: "button", class: "mood-button", "data-mood": mood, "aria-pressed": "false",
    }, capitalised(mood));
    button.addEventListener("click", () => choose(mood));
    byId("moods").append(button);
  }

  return {
    /** Whether the camera decides, and not a button. */
    followsCamera: () => chosen === null,
  };
}
