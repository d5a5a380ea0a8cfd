// Asking the gateway: a wish in, a recommendation out.

import { known, language, t } from "./language.js";

/** What went wrong, in the reader's language of the moment. */
class Problem extends Error {
  /**
   * @param {string} key of the words
   * @param {string} [detail] the gateway's own sentence, which is English and says more
   */
  constructor(key, detail = "") {
    super();
    this.key = key;
    this.detail = detail;
  }

  get message() {
    return language() === "en" && this.detail ? this.detail : t(known(this.key) ? this.key : "problem.other");
  }
}

/** Send a wish, such as `{ mood: "calm" }`; throws an error with a sentence for a person. */
export async function ask(wish) {
  const answer = await reached(fetch("/v1/recommend", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(wish),
  }));
  return body(answer);
}

/** Get a resource of the gateway; throws an error with a sentence for a person. */
export const get = async (path) => body(await reached(fetch(path)));

/** Delete a resource of the gateway; throws an error with a sentence for a person. */
export async function remove(path) {
  const answer = await reached(fetch(path, { method: "DELETE" }));
  if (!answer.ok) {
    await body(answer);
  }
}

async function reached(request) {
  try {
    return await request;
  } catch {
    throw new Problem("problem.gateway");
  }
}

async function body(answer) {
  const found = await answer.json();
  if (!answer.ok) {
    throw new Problem(`problem.${answer.status}`, found.detail);
  }
  return found;
}
