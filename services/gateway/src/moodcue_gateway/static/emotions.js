// The seven emotions, their names, and the colour of a place on the plane.

import { known, t } from "./language.js";

/** Order of every seven-vector. */
export const EMOTIONS = [
  "anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral",
];

export const emotionName = (emotion) => t(`emotion.${emotion}`);

/** Name of the largest of seven probabilities. */
export const strongest = (probabilities) =>
  EMOTIONS[probabilities.indexOf(Math.max(...probabilities))];

/** Headline and sentence for a hold reason. */
export const holdWords = (hold) => (known(`hold.${hold}`)
  ? [t(`hold.${hold}`), t(`hold.${hold}.text`)]
  : [t("hold"), hold.replaceAll("_", " ")]);

/** Russell's quadrant of a place on the plane. */
export const quadrantOf = ([valence, arousal]) =>
  (arousal >= 0 ? (valence >= 0 ? "Q1" : "Q2") : (valence >= 0 ? "Q4" : "Q3"));

/** Hue at 45, 135, 225 and 315 degrees of the plane: gold, red, blue, green; and around again. */
const HUES = [78, 28, -105, -205, -282];

/**
 * Colour of a place: the hue says which mood, the strength how far from the middle.
 *
 * @param {number} valence -1 to 1
 * @param {number} arousal -1 to 1
 * @param {number} [shift] degrees to turn the hue by
 */
export function colourOf(valence, arousal, shift = 0) {
  const turns = ((Math.atan2(arousal, valence) / (Math.PI / 2)) - 0.5 + 4) % 4;
  const at = Math.floor(turns);
  const hue = HUES[at] + (turns - at) * (HUES[at + 1] - HUES[at]);
  const strength = Math.min(1, Math.hypot(valence, arousal));
  return `oklch(0.72 ${(0.03 + 0.1 * strength).toFixed(3)} ${((hue + shift + 720) % 360).toFixed(0)})`;
}
