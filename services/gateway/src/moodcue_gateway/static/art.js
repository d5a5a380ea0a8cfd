// A picture for a song: its cover where the library has one, else one drawn from its place on the plane.

import { drawn, element } from "./dom.js";
import { colourOf } from "./emotions.js";

const SHAPES = 4;

/** Numbers of 0 to 1 that belong to a song, from its id of 16 hex digits. */
const chances = (id) => [...id.padEnd(16, "0").matchAll(/../g)].map(([pair]) => parseInt(pair, 16) / 255 || 0);

/** Draw a song: lively ones pointed and small, calm ones round and wide. */
function drawing({ song, valence, arousal }) {
  const chance = chances(song);
  const sides = arousal > 0.15 ? 3 + Math.round((1 - arousal) * 4) : 0;
  const shapes = Array.from({ length: SHAPES }, (_, n) => {
    const radius = 22 + 26 * chance[n] - 10 * arousal;
    const x = 20 + 60 * chance[(n + 2) % 8];
    const y = 20 + 60 * chance[(n + 4) % 8];
    const shape = sides === 0
      ? drawn("circle", { r: radius, cx: x, cy: y })
      : drawn("polygon", { points: corners(x, y, radius, sides, chance[n]) });
    shape.setAttribute("class", "art-shape");
    shape.style.setProperty("--place", colourOf(valence, arousal, (chance[(n + 1) % 8] - 0.5) * 70));
    return shape;
  });
  const ground = drawn("rect", { class: "art-ground", width: 100, height: 100 });
  ground.style.setProperty("--place", colourOf(valence, arousal));
  return drawn("svg", { class: "art", viewBox: "0 0 100 100", "aria-hidden": "true" }, ground, ...shapes);
}

function corners(x, y, radius, sides, turn) {
  return Array.from({ length: sides }, (_, n) => {
    const angle = (n / sides + turn) * 2 * Math.PI;
    return `${(x + radius * Math.cos(angle)).toFixed(1)},${(y + radius * Math.sin(angle)).toFixed(1)}`;
  }).join(" ");
}

/** Make the picture of a song. */
export function artOf(song) {
  const cover = element("img", {
    class: "art-cover", alt: "", loading: "lazy", src: `/v1/songs/${encodeURIComponent(song.song)}/cover`,
  });
  cover.addEventListener("error", () => cover.remove());
  return element("span", { class: "art-frame" }, drawing(song), cover);
}
