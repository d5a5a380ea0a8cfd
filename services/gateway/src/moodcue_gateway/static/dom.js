// Making and changing elements. Text only ever becomes a text node.

/** Find an element of the page by its id. */
export const byId = (id) => document.getElementById(id);

/** Make an element: `element("p", { class: "quiet" }, "text", otherElement)`. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) {
      made.setAttribute(name, value === true ? "" : String(value));
    }
  }
  made.append(...children);
  return made;
}

/** Set a text only when it differs, so that nothing is announced twice. */
export function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}
