// Why a song was chosen, and what would change the answer, in sentences made of an event's data.

import { quadrantOf } from "./emotions.js";
import { known, percent, t } from "./language.js";

const [CLOSE, FAIR] = [0.7, 0.4];
const MENTIONED = 0.1;

const music = (quadrant) => t(`music.${quadrant}`);

/** The emotions that speak for a song, the strongest first, each with its share of the score. */
export const reasonsFor = ({ contributions }) => Object.entries(contributions)
  .filter(([, share]) => share > 0).toSorted(([, a], [, b]) => b - a);

function whatFor(song, target) {
  const words = {
    match: t(song.score >= CLOSE ? "reason.close" : song.score >= FAIR ? "reason.fair" : "reason.nearest"),
    music: music(quadrantOf([song.valence, song.arousal])),
  };
  if (song.score <= 0) {
    return t("reason.left", words);
  }
  const reasons = reasonsFor(song);
  if (reasons.length === 0) {
    return target ? t("reason.asked", { ...words, target: music(quadrantOf(target)) }) : t("reason.left", words);
  }
  const all = reasons.reduce((sum, [, share]) => sum + share, 0);
  const [[first, most], [second, less] = ["", 0]] = reasons.map(([name, share]) => [name, share / all]);
  return t(less < MENTIONED ? "reason.one" : "reason.two", {
    ...words, first: t(`for.${first}`), most: percent(most), second: t(`for.${second}`), less: percent(less),
  });
}

/** One sentence on a song, and one on what feedback did to it. */
export function reasonOf(song, target) {
  const clauses = [whatFor(song, target)];
  const byTaste = song.moved_by === "taste" && song.liking;
  if (!byTaste && known(`because.${song.moved_by}`)) {
    clauses.push(t(`because.${song.moved_by}`));
  }
  if (song.repeated) {
    clauses.push(t("because.repeated"));
  }
  const sentences = [`${clauses.join("; ")}.`];
  if (byTaste) {
    const { mean, low, high } = song.liking;
    sentences.push(t(mean >= 0.5 ? "reason.up" : "reason.down", {
      mean: percent(mean), low: percent(low), high: percent(high),
    }));
  }
  return sentences.join(" ");
}

/** What would turn the songs to another mood; empty where that is not told. */
export function changeWords(change) {
  return change ? t("change", {
    emotion: t(`for.${change.emotion}`),
    to: percent(Math.ceil(100 * change.rises_to) / 100),
    from: percent(Math.floor(100 * change.share) / 100),
    next: music(change.next_quadrant),
    now: music(change.quadrant),
  }) : "";
}
