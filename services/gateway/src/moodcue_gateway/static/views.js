// The views of the page, chosen by the part of the address after the `#`.

const views = () => [...document.querySelectorAll("[data-view]")];

const chosen = () => {
  const name = location.hash.slice(1);
  return views().some(({ dataset }) => dataset.view === name) ? name : "now";
};

const show = () => {
  const name = chosen();
  for (const view of views()) {
    view.hidden = view.dataset.view !== name;
  }
  for (const link of document.querySelectorAll(".nav a")) {
    const current = link.hash === `#${name}`;
    link.toggleAttribute("aria-current", current);
    if (current) {
      link.setAttribute("aria-current", "page");
    }
  }
};

/** Show the view that the address names, now and when it changes. */
export function followAddress() {
  addEventListener("hashchange", () => {
    // Other marks of the page, such as the skip link's, keep the view.
    if (location.hash === "" || views().some(({ dataset }) => `#${dataset.view}` === location.hash)) {
      show();
      scrollTo(0, 0);
    }
  });
  show();
}

/** Whether a view is to be seen. */
export const isShown = (name) => chosen() === name;
