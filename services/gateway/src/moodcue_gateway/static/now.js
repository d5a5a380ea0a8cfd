// What is in front of the camera: the face of this moment, the window, and how it fills.

import { createBars } from "./bars.js";
import { byId, setText } from "./dom.js";
import { emotionName, holdWords, strongest } from "./emotions.js";
import { counted, known, milliseconds, onLanguage, percent, t } from "./language.js";

const READING_MS = 3000;
const TICK_MS = 200;
const FIRST_WINDOW_MS = 15_000;

/** The face that counts most: large and surely found. */
const mainFace = (faces) => faces.toSorted((a, b) => weight(b) - weight(a))[0];
const weight = ({ box, score }) => box[2] * box[3] * score;

function faceText(event) {
  if (event.status !== "ok" || event.faces.length === 0) {
    return t(event.status === "bad_frame" ? "face.unreadable" : "face.nobody");
  }
  const { problem } = mainFace(event.faces);
  return problem !== null && known(`face.${problem}`)
    ? t(`face.${problem}`)
    : counted("face.count", event.faces.length);
}

/** Build the part of the page that shows the mood. */
export function createNow() {
  const bars = createBars(byId("bars"));
  const ring = byId("ring");
  let last = null;
  let reading = null;

  const isFresh = () => reading !== null && performance.now() - reading.arrived < READING_MS;

  const showProgress = () => {
    if (!isFresh()) {
      if (reading !== null) {
        bars.showMoment(null);
        setText(byId("face"), t("face.no-picture"));
      }
      ring.show(0, "");
      return;
    }
    const length = last === null ? FIRST_WINDOW_MS : milliseconds(last.end - last.start);
    const from = last === null ? reading.first : milliseconds(last.end);
    const passed = reading.time + performance.now() - reading.arrived - from;
    const left = Math.max(0, Math.ceil((length - passed) / 1000));
    ring.show(Math.min(1, Math.max(0, passed / length)), String(Math.min(left, length / 1000)));
  };
  setInterval(showProgress, TICK_MS);

  const showMood = () => {
    ring.setAttribute("aria-label", t("window"));
    if (last === null) {
      const words = isFresh() && reading.seen ? "now.reading" : "now.waiting";
      setText(byId("mood"), t(words));
      setText(byId("mood-lead"), t(`${words}.text`));
      document.documentElement.dataset.mood = "neutral";
      return;
    }
    const seen = t("now.seen", {
      // A browser sends a few more or fewer than its rate says.
      seen: last.frames_with_face, expected: Math.max(last.frames_expected, last.frames_seen),
    });
    if (last.hold !== null) {
      // Who opted out is in view and counted nowhere, also not among the faces that were seen.
      const leftOut = last.hold === "nobody" && last.opted_out.length > 0;
      const [headline, sentence] = holdWords(leftOut ? "left_out" : last.hold);
      setText(byId("mood"), headline);
      setText(byId("mood-lead"), leftOut ? sentence : `${sentence} (${seen})`);
      document.documentElement.dataset.mood = "neutral";
    } else if (last.probabilities !== null) {
      const emotion = strongest(last.probabilities);
      setText(byId("mood"), emotionName(emotion));
      setText(byId("mood-lead"), t("now.confident", { share: percent(last.confidence), seen }));
      document.documentElement.dataset.mood = emotion;
    }
  };
  onLanguage(showMood);

  return {
    /** Take the reading of one frame. */
    showFace(event) {
      const time = milliseconds(event.time);
      const seen = mainFace(event.faces)?.probabilities ?? null;
      reading = { time, seen: seen !== null, arrived: performance.now(), first: reading?.first ?? time };
      bars.showMoment(seen);
      if (last === null) {
        showMood();
      }
      setText(byId("face"), faceText(event));
    },
    /** Take a window that has closed. */
    showWindow(event) {
      last = event;
      bars.showWindow(event.probabilities);
      showMood();
    },
    /** Forget everything, because another room was chosen. */
    clear() {
      last = null;
      reading = null;
      bars.showMoment(null);
      bars.showWindow(null);
      setText(byId("face"), "");
      showMood();
    },
    /** Whether a face is in view at this moment; null where no picture arrives. */
    seesFace: () => (isFresh() ? byId("bars").classList.contains("bars-quiet") === false : null),
  };
}
