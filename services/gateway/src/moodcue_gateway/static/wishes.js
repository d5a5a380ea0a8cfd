// What a person asks for: a mood by a word or a place on the plane, and what the music should do.

import { ask } from "./ask.js";
import { button, byId, element, setText } from "./dom.js";
import { counted, onLanguage, t } from "./language.js";
import { placeWords } from "./plane.js";

const MOODS = ["calm", "happy", "energetic", "relaxed", "melancholic", "tense"];
const MODES = ["match", "lift", "calm", "energise", "hold"];

/**
 * Build the words and the plane. A mood stays chosen until it is pressed again.
 *
 * @param {() => string} room that asks
 * @param {(recommendation: object) => void} onAnswer
 * @param {() => void} onFollow the camera decides again
 */
export function createMoods(room, onAnswer, onFollow) {
  const plane = byId("plane");
  let chosen = null;
  let note = () => "";

  const same = (wish) => JSON.stringify(wish) === JSON.stringify(chosen);
  const nameOf = ({ mood, point }) => (mood ? t(`mood.${mood}`) : placeWords(point));

  const show = () => {
    for (const one of byId("moods").children) {
      setText(one, t(`mood.${one.dataset.mood}`));
      one.setAttribute("aria-pressed", String(chosen?.mood === one.dataset.mood));
    }
    release.hidden = chosen === null;
    setText(release, t("moods.release"));
    plane.showWish(chosen?.point ?? null);
    setText(byId("moods-note"), note());
  };

  const become = (wish, words) => {
    chosen = wish;
    note = words;
    show();
  };

  const request = async () => {
    const wish = chosen;
    try {
      const recommendation = await ask({ ...wish, camera: room() });
      if (same(wish)) {
        become(wish, () => t("moods.stays", { mood: nameOf(wish) }));
        onAnswer(recommendation);
      }
    } catch (error) {
      if (same(wish)) {
        become(null, () => error.message);
      }
    }
  };

  const follow = () => {
    become(null, () => t("moods.follow"));
    onFollow();
  };

  const choose = (wish) => {
    if (same(wish)) {
      follow();
      return;
    }
    become(wish, () => t("moods.looking", { mood: nameOf(wish) }));
    request();
  };

  for (const mood of MOODS) {
    byId("moods").append(button({ class: "mood-button", "data-mood": mood }, () => choose({ mood })));
  }
  const release = button({ class: "quiet-button" }, follow);
  byId("moods-note").after(release);
  plane.addEventListener("pick", ({ detail }) => choose({ point: detail }));
  onLanguage(show);

  return {
    /** Whether the camera decides, and not a person. */
    followsCamera: () => chosen === null,
    /** Ask again for what is wished for, because the songs are used up. */
    again: request,
    /** The wish in words, empty where there is none. */
    words: () => (chosen === null ? "" : nameOf(chosen)),
  };
}

/**
 * Build the choice of what the music should do.
 *
 * @param {() => string} room
 */
export function createModes(room) {
  let note = () => "";
  let newest = null;

  const choose = async (mode) => {
    try {
      await ask({ mode, camera: room() });
      note = () => t(`mode.${mode}.text`);
    } catch (error) {
      note = () => error.message;
    }
    show();
  };

  const inputs = MODES.map((mode) => {
    const input = element("input", { type: "radio", name: "mode", value: mode });
    const words = element("span", {});
    input.addEventListener("change", () => choose(mode));
    byId("modes").append(element("label", { class: "mode" }, input, words));
    return { mode, input, words };
  });

  const guidance = () => {
    const { steps = 0, followed = 0 } = newest?.guidance ?? {};
    return steps === 0 ? "" : ` ${counted("mode.followed", steps, { followed })}`;
  };

  const show = () => {
    for (const { mode, input, words } of inputs) {
      input.checked = mode === (newest?.mode ?? "match");
      setText(words, t(`mode.${mode}`));
    }
    setText(byId("modes-note"), note() + guidance());
  };
  onLanguage(show);

  return {
    /** Take the newest recommendation of the room. */
    show(recommendation) {
      newest = recommendation;
      note = () => (recommendation.mode === "match" ? "" : t(`mode.${recommendation.mode}.text`));
      show();
    },
  };
}
