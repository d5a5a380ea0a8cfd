// How the window fills: a ring, and the seconds that are left.

import { drawn, setText } from "./dom.js";

const RADIUS = 42;
const LENGTH = 2 * Math.PI * RADIUS;

/** `<mood-ring>`: `show(share, text)` sets how full it is, 0 to 1, and what stands in it. */
class MoodRing extends HTMLElement {
  connectedCallback() {
    const circle = { cx: 50, cy: 50, r: RADIUS };
    this.fill = drawn("circle", {
      class: "ring-fill", ...circle, "stroke-dasharray": LENGTH, "stroke-dashoffset": LENGTH,
    });
    this.text = drawn("text", { class: "ring-text", x: 50, y: 59, "text-anchor": "middle" });
    this.setAttribute("role", "progressbar");
    this.setAttribute("aria-valuemin", "0");
    this.setAttribute("aria-valuemax", "100");
    this.show(0, "");
    this.append(drawn("svg", { viewBox: "0 0 100 100", "aria-hidden": "true" },
      drawn("circle", { class: "ring-track", ...circle }), this.fill, this.text));
  }

  show(share, text) {
    this.fill.setAttribute("visibility", share > 0 ? "visible" : "hidden");
    this.fill.setAttribute("stroke-dashoffset", (LENGTH * (1 - share)).toFixed(2));
    setText(this.text, text);
    this.setAttribute("aria-valuenow", Math.round(share * 100));
  }
}

customElements.define("mood-ring", MoodRing);
