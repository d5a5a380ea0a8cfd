// The valence-arousal plane: pleasant to the right, lively upward.

import { drawn, element, setText } from "./dom.js";
import { colourOf } from "./emotions.js";
import { number, onLanguage, t } from "./language.js";

const EDGE = 1.22;
const KEY_STEP = 0.1;
const CORNERS = [["happy", 0.92, 0.86], ["tense", -0.92, 0.86], ["sad", -0.92, -0.92], ["calm", 0.92, -0.92]];
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

const clamp = (value) => Math.min(1, Math.max(-1, value));
const at = ([valence, arousal]) => `translate(${valence.toFixed(3)} ${(-arousal).toFixed(3)})`;

/** A place in words: `pleasant 0.4, calm 0.2`. */
export function placeWords([valence, arousal]) {
  const across = t(valence < 0 ? "plane.unpleasant" : "plane.pleasant");
  const along = t(arousal < 0 ? "plane.calm" : "plane.lively");
  return `${across} ${number(Math.abs(valence), 1)}, ${along} ${number(Math.abs(arousal), 1)}`;
}

/**
 * `<mood-plane>`: shows a listener and songs; with the attribute `pick`, a tap or the arrow keys
 * and Enter choose a place, told by the event `pick` with `detail: [valence, arousal]`.
 */
class MoodPlane extends HTMLElement {
  #cloud = drawn("g", { class: "plane-cloud" });
  #path = drawn("line", { class: "plane-path" });
  #songs = drawn("g");
  #target = drawn("circle", { class: "plane-target", r: 0.085 });
  #listener = drawn("g", { class: "plane-listener" }, drawn("circle", { class: "plane-halo", r: 0.13 }),
    drawn("circle", { r: 0.055 }));
  #cross = drawn("path", { class: "plane-cross", d: "M-.1 0H.1M0-.1V.1" });
  #wish = drawn("path", { class: "plane-wish", d: "M0-.1 .1 0 0 .1-.1 0Z" });
  #axes = drawn("g", { class: "plane-axes" });
  #caption = element("p", { class: "sr-only" });
  #place = [0, 0];
  #words = () => "";

  connectedCallback() {
    this.svg = drawn("svg", {
      viewBox: `${-EDGE} ${-EDGE} ${2 * EDGE} ${2 * EDGE}`, "aria-hidden": "true",
    },
    drawn("rect", { class: "plane-ground", x: -1, y: -1, width: 2, height: 2, rx: 0.12 }),
    drawn("path", { class: "plane-lines", d: "M-1 0H1M0-1V1" }),
    this.#axes, this.#cloud, this.#path, this.#target, this.#songs, this.#wish, this.#listener, this.#cross);
    for (const part of [this.#path, this.#target, this.#wish, this.#listener, this.#cross]) {
      part.setAttribute("visibility", "hidden");
    }
    this.append(this.svg, this.#caption);
    if (this.hasAttribute("pick")) {
      this.#takePicks();
    }
    onLanguage(() => {
      this.#showAxes();
      setText(this.#caption, this.#words());
    });
  }

  /** Say in words what is to be seen; `words` is called again when the language changes. */
  describe(words) {
    this.#words = words;
    setText(this.#caption, words());
  }

  /** Show where the listener is and where the songs are chosen for; null hides either. */
  showListener(place, target) {
    this.#move(this.#listener, place);
    this.#move(this.#target, target);
    const apart = place && target && Math.hypot(place[0] - target[0], place[1] - target[1]) > 0.1;
    this.#path.setAttribute("visibility", apart ? "visible" : "hidden");
    if (apart) {
      const [x1, y1, x2, y2] = [place[0], -place[1], target[0], -target[1]];
      Object.entries({ x1, y1, x2, y2 }).forEach(([name, value]) => this.#path.setAttribute(name, value));
    }
  }

  /** Show numbered songs. */
  showSongs(songs) {
    this.#songs.replaceChildren(...songs.map((song, position) => {
      const mark = drawn("g", { class: "plane-song", transform: at([song.valence, song.arousal]) },
        drawn("circle", { r: 0.085 }),
        drawn("text", { "text-anchor": "middle", y: 0.042 }, String(position + 1)));
      mark.style.setProperty("--place", colourOf(song.valence, song.arousal));
      return mark;
    }));
  }

  /** Show any number of songs as dots. */
  showCloud(songs) {
    const quarters = Map.groupBy(songs, ({ valence, arousal }) => (valence >= 0) * 2 + (arousal >= 0));
    this.#cloud.replaceChildren(...[...quarters.values()].map((found) => {
      // One path for all dots of a quarter: thousands of elements would be slow.
      const d = found.map(({ valence, arousal }) => `M${valence.toFixed(3)} ${(-arousal).toFixed(3)}h0`);
      const dots = drawn("path", { class: "plane-dots", d: d.join("") });
      dots.style.setProperty("--place", colourOf(Math.sign(found[0].valence || 1), Math.sign(found[0].arousal || 1)));
      return dots;
    }));
  }

  /** Show what was wished for by hand; null hides it. */
  showWish(place) {
    this.#move(this.#wish, place);
  }

  #move(mark, place) {
    mark.setAttribute("visibility", place ? "visible" : "hidden");
    if (place) {
      // A style, not an attribute, so that it glides.
      mark.style.transform = `translate(${place[0].toFixed(3)}px, ${(-place[1]).toFixed(3)}px)`;
    }
  }

  #showAxes() {
    const label = (words, attributes) => drawn("text", attributes, words);
    this.#axes.replaceChildren(
      label(t("plane.pleasant"), { "text-anchor": "middle", transform: "translate(1.08 0) rotate(90)" }),
      label(t("plane.unpleasant"), { "text-anchor": "middle", transform: "translate(-1.08 0) rotate(-90)" }),
      label(t("plane.lively"), { x: 0, y: -1.06, "text-anchor": "middle" }),
      label(t("plane.calm"), { x: 0, y: 1.14, "text-anchor": "middle" }),
      ...CORNERS.map(([name, x, y]) => label(t(`plane.corner.${name}`), {
        class: "plane-corner", x, y: -y, "text-anchor": x < 0 ? "start" : "end",
      })));
    this.picker?.setAttribute("aria-label", t("plane.pick"));
  }

  #takePicks() {
    this.picker = element("button", { type: "button", class: "plane-pick" });
    this.append(this.picker);
    this.picker.addEventListener("pointerup", (event) => {
      const box = this.svg.getBoundingClientRect();
      const valence = ((event.clientX - box.left) / box.width * 2 - 1) * EDGE;
      const arousal = (1 - (event.clientY - box.top) / box.height * 2) * EDGE;
      this.#pick([clamp(valence), clamp(arousal)]);
    });
    this.picker.addEventListener("keydown", (event) => {
      const step = KEYS[event.key];
      if (step) {
        event.preventDefault();
        this.#place = this.#place.map((value, axis) => clamp(value + step[axis] * KEY_STEP));
        this.#move(this.#cross, this.#place);
        this.picker.setAttribute("aria-label", placeWords(this.#place));
      } else if (event.key === "Enter") {
        event.preventDefault();
        this.#pick(this.#place);
      }
    });
    this.picker.addEventListener("blur", () => {
      this.#move(this.#cross, null);
      this.picker.setAttribute("aria-label", t("plane.pick"));
    });
  }

  #pick(place) {
    this.#place = place;
    this.dispatchEvent(new CustomEvent("pick", { detail: place.map((value) => Number(value.toFixed(2))) }));
  }
}

customElements.define("mood-plane", MoodPlane);
