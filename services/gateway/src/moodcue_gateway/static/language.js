// The words of the page in the reader's language.

import { recall, remember } from "./memory.js";

const NAMES = { de: "Deutsch", en: "English" };
const listeners = [];

const wanted = [recall("language"), ...navigator.languages.map((tag) => tag.slice(0, 2))];

// One language is enough for a reader, and half of the bytes.
const dictionary = async (code) => (await import(`./words.${code}.js`)).words;

let current = wanted.find((code) => code in NAMES) ?? "en";
let words = await dictionary(current);

/** Code of the language that is shown, such as `de`. */
export const language = () => current;

/** Words for a key; `{name}` in them becomes `values.name`. */
export function t(key, values = {}) {
  return (words[key] ?? key).replaceAll(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Words for a number of things: the keys end with `.one` and `.other`. */
export const counted = (key, count, values = {}) =>
  t(`${key}.${new Intl.PluralRules(current).select(count)}`, { ...values, count: number(count) });

/** Whether there are words for a key. */
export const known = (key) => key in words;

/** Name of an artist; the library has words of its own where it knows none. */
export const artistName = (artist) => (artist === "Unknown artist" ? t("artist.unknown") : artist);

export const number = (value, digits = 0) =>
  value.toLocaleString(current, { minimumFractionDigits: digits, maximumFractionDigits: digits });

export const percent = (share) =>
  share.toLocaleString(current, { style: "percent", maximumFractionDigits: 0 });

export const list = (names) => new Intl.ListFormat(current).format(names);

/** Milliseconds since 1970 of an event's nanoseconds. */
export const milliseconds = (nanoseconds) => nanoseconds / 1e6;

/** Hour, minute and second of an event's nanoseconds. */
export const clockTime = (nanoseconds) =>
  new Date(milliseconds(nanoseconds)).toLocaleTimeString(current, {
    hour: "2-digit", minute: "2-digit", second: "2-digit",
  });

/** Day and time of an event's nanoseconds. */
export const dateTime = (nanoseconds) =>
  new Date(milliseconds(nanoseconds)).toLocaleString(current, { dateStyle: "medium", timeStyle: "short" });

const ATTRIBUTES = { "data-t-label": "aria-label", "data-t-placeholder": "placeholder" };

/** Put the words of the language into the page as it was written. */
function translatePage() {
  document.documentElement.lang = current;
  for (const node of document.querySelectorAll("[data-t]")) {
    node.textContent = t(node.dataset.t);
  }
  for (const [from, to] of Object.entries(ATTRIBUTES)) {
    for (const node of document.querySelectorAll(`[${from}]`)) {
      node.setAttribute(to, t(node.getAttribute(from)));
    }
  }
}

/** Call a function now and whenever the language changes. */
export function onLanguage(show) {
  listeners.push(show);
  show();
}

/** Build the switch between the languages. */
export function createLanguageSwitch(button) {
  const codes = Object.keys(NAMES);
  const other = () => codes[(codes.indexOf(current) + 1) % codes.length];
  button.addEventListener("click", async () => {
    const next = other();
    words = await dictionary(next);
    current = next;
    remember("language", current);
    listeners.forEach((show) => show());
  });
  onLanguage(() => {
    translatePage();
    button.lang = other();
    button.textContent = NAMES[other()];
  });
}
