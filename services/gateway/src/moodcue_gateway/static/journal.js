// What this browser keeps of the day: the mood of each window as a picture, and the songs played.

import { button, byId, drawn, element, setText } from "./dom.js";
import { EMOTIONS, emotionName } from "./emotions.js";
import { artistName, counted, language, list, onLanguage, percent, t } from "./language.js";
import { recall, remember } from "./memory.js";

const [WIDTH, HEIGHT, FLOOR] = [960, 150, 120];
const MOST_PLAYED = 200;
const SHOWN_PLAYED = 15;

const midnight = () => new Date().setHours(0, 0, 0, 0);
const hourOf = (ms) => new Date(ms).toLocaleTimeString(language(), { hour: "2-digit", minute: "2-digit" });

/** Offer a text as a file. */
function download(name, text, type) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

/** How often each emotion led, the most frequent first. */
function shares(entries) {
  const groups = Object.entries(Object.groupBy(entries, ([, emotion]) => emotion));
  return groups.map(([emotion, found]) => [Number(emotion), found.length]).toSorted((a, b) => b[1] - a[1]);
}

/**
 * The picture of a day: one bar for each window, as high as the mood was sure.
 *
 * @param {[number, number, number][]} entries time in ms, position in `EMOTIONS`, confidence
 */
function dayPicture(entries) {
  const start = midnight();
  const first = Math.min(...entries.map(([time]) => time));
  const from = Math.max(0, Math.floor((first - start) / 3_600_000));
  const until = Math.max(from + 1, new Date().getHours() + 1);
  const scale = WIDTH / ((until - from) * 3_600_000);
  const x = (time) => (time - start - from * 3_600_000) * scale;
  const paths = Object.entries(Object.groupBy(entries, ([, emotion]) => emotion)).map(([emotion, found]) =>
    drawn("path", {
      class: "day-bars", "data-emotion": EMOTIONS[emotion],
      d: found.map(([time, , sure]) => `M${x(time).toFixed(1)} ${FLOOR}V${(FLOOR - 20 - 95 * sure).toFixed(1)}`).join(""),
      "stroke-width": Math.max(2, 15_000 * scale * 0.8),
    }));
  const step = Math.max(1, Math.ceil((until - from) / 8));
  const hours = Array.from({ length: Math.floor((until - from) / step) + 1 }, (_, n) => from + n * step);
  const labels = hours.map((hour) => drawn("text", {
    class: "day-hour", x: x(start + hour * 3_600_000), y: HEIGHT - 8,
    "text-anchor": hour === from ? "start" : hour === until ? "end" : "middle",
  }, hourOf(start + hour * 3_600_000)));
  return drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
    drawn("path", { class: "day-floor", d: `M0 ${FLOOR}H${WIDTH}` }), ...paths, ...labels);
}

/** Build the journal. */
export function createJournal(player) {
  const today = () => (recall("journal") ?? []).filter(([time]) => time >= midnight());

  const show = () => {
    const entries = today();
    const names = shares(entries).map(([emotion, count]) =>
      `${emotionName(EMOTIONS[emotion])} ${percent(count / entries.length)}`);
    byId("day").replaceChildren(
      ...(entries.length > 0 ? [dayPicture(entries)] : []),
      element("figcaption", { class: "quiet" }, entries.length > 0
        ? `${counted("journal.windows", entries.length)}: ${list(names)}` : t("nothing")));
  };

  const showPlayed = () => {
    const songs = recall("played") ?? [];
    byId("played-empty").hidden = songs.length > 0;
    byId("played").replaceChildren(...songs.slice(-SHOWN_PLAYED).reverse().map((song) => element("li", {},
      element("time", {}, hourOf(song.time)),
      element("span", {}, song.title, element("span", { class: "quiet" }, ` ${artistName(song.artist)}`)),
      button({ class: "quiet-button", "aria-label": t("player.play.song", { title: song.title }) },
        () => player().toggle(song), t("played.again")))));
  };

  byId("journal-export").addEventListener("click", () => {
    const rows = today().map(([time, emotion, sure]) =>
      `${new Date(time).toISOString()},${EMOTIONS[emotion]},${sure}`);
    download("moodcue-journal.csv", ["time,emotion,confidence", ...rows, ""].join("\n"), "text/csv");
  });
  byId("journal-delete").addEventListener("click", () => {
    remember("journal", undefined);
    // The newest window comes again with the next visit, and was meant too.
    remember("journal.since", Date.now());
    remember("played", undefined);
    show();
    showPlayed();
    setText(byId("day").querySelector("figcaption"), t("deleted"));
  });
  onLanguage(() => {
    show();
    showPlayed();
  });

  return {
    /** Note the mood of a window that was not held. */
    note({ time, probabilities, confidence }) {
      const at = Math.round(time / 1e6);
      const entries = today();
      const since = Math.max(midnight(), recall("journal.since") ?? 0);
      if (probabilities !== null && at > since && !entries.some(([other]) => other === at)) {
        const emotion = probabilities.indexOf(Math.max(...probabilities));
        remember("journal", [...entries, [at, emotion, Number(confidence.toFixed(2))]]);
        show();
      }
    },
    /** Note a song that began to play. */
    notePlayed({ song, title, artist, valence, arousal }) {
      const songs = [...(recall("played") ?? []), { time: Date.now(), song, title, artist, valence, arousal }];
      remember("played", songs.slice(-MOST_PLAYED));
      showPlayed();
    },
  };
}
