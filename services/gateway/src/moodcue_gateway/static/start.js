// Loads the page again, a few times, where a part of it did not arrive.

const TRIES = 3;
const WAIT_MS = 2000;

const tried = Number(sessionStorage.getItem("tried"));
try {
  await import("./main.js");
  sessionStorage.removeItem("tried");
} catch (error) {
  if (tried === TRIES) {
    throw error;
  }
  sessionStorage.setItem("tried", tried + 1);
  setTimeout(() => location.reload(), WAIT_MS);
}
