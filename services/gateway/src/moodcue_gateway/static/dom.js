// Making and changing elements. Text only ever becomes a text node.

const SVG = "http://www.w3.org/2000/svg";

/** Find an element of the page by its id. */
export const byId = (id) => document.getElementById(id);

const fill = (made, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) {
      made.setAttribute(name, value === true ? "" : String(value));
    }
  }
  made.append(...children);
  return made;
};

/** Make an element: `element("p", { class: "quiet" }, "text", otherElement)`. */
export const element = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

/** Make an element of a picture: `drawn("circle", { r: 1 })`. */
export const drawn = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** Make a button that calls a function. */
export function button(attributes, onClick, ...children) {
  const made = element("button", { type: "button", ...attributes }, ...children);
  made.addEventListener("click", onClick);
  return made;
}

const CONTROLS = "a, button, input, select, summary";

/** Replace the rows of a list, each with a `data-key`; the keyboard stays on its row or, where that is gone, its place. */
export function replaceRows(list, rows) {
  const focused = document.activeElement;
  const before = [...list.children];
  const place = before.findIndex((one) => one.contains(focused));
  const key = before[place]?.dataset.key;
  const control = place < 0 ? -1 : [...before[place].querySelectorAll(CONTROLS)].indexOf(focused);
  list.replaceChildren(...rows);
  if (control >= 0) {
    const same = rows.find((one) => one.dataset.key === key);
    // On another row's summary, where Enter does nothing to that one.
    const next = rows[Math.min(place, rows.length - 1)]?.querySelector("summary");
    (same?.querySelectorAll(CONTROLS)[control] ?? next)?.focus({ preventScroll: true });
  }
}

/** Set a text only when it differs, so that nothing is announced twice. */
export function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}
