// Asking the gateway: a wish in, a recommendation out.

import { t } from "./language.js";

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
    throw new Error(t("problem.gateway"));
  }
}

async function body(answer) {
  const found = await answer.json();
  if (!answer.ok) {
    throw new Error(found.detail);
  }
  return found;
}
