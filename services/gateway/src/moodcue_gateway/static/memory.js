// What this browser remembers. It may be forbidden to, and then forgets when the page closes.

const PREFIX = "moodcue.";
const fallback = new Map();

/** Read what was remembered under a name; undefined if nothing was. */
export function recall(name) {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? fallback.get(name) : JSON.parse(text);
  } catch {
    return fallback.get(name);
  }
}

/** Remember a value under a name; undefined forgets it. */
export function remember(name, value) {
  fallback.set(name, value);
  try {
    if (value === undefined) {
      localStorage.removeItem(PREFIX + name);
    } else {
      localStorage.setItem(PREFIX + name, JSON.stringify(value));
    }
  } catch {
    // The fallback has it.
  }
}
