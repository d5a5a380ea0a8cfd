// How the system is: a sentence, figures, and every process.

import { get } from "./ask.js";
import { byId, element, setText } from "./dom.js";
import { counted, known, list, number, onLanguage, t } from "./language.js";

const POLL_MS = 3000;
const RATE_MS = 5000;
const DELAYS = 50;

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** What is missing; without the broker nothing is heard of the others. */
export const missingParts = ({ missing }) => (missing.includes("broker") ? ["broker"] : missing);

const isLive = ({ stale, state }) => !stale && state !== "stopping";

/** Sum of one counter over the live processes; undefined if none has it. */
function total(services, name, counter) {
  const found = services.filter((one) => one.service === name && isLive(one))
    .map(({ counters }) => counters[counter]).filter((value) => value !== undefined);
  return found.length === 0 ? undefined : found.reduce((sum, value) => sum + value, 0);
}

/** Why frames were dropped, in words; the counters are named `frames_dropped_REASON`. */
function dropReasons(services) {
  const counters = services.find((one) => one.service === "broker" && isLive(one))?.counters ?? {};
  return Object.entries(counters)
    .filter(([name, value]) => name.startsWith("frames_dropped_") && value > 0)
    .map(([name, value]) => {
      const reason = name.slice("frames_dropped_".length);
      const words = known(`drop.${reason}`) ? t(`drop.${reason}`) : reason;
      return `${number(value)} ${words}`;
    });
}

const stateOf = (service) => {
  if (!isLive(service)) {
    return "down";
  }
  return service.state === "degraded" ? "degraded" : "up";
};

const rowOf = (service) => {
  const state = stateOf(service);
  return element("li", { class: "service", "data-state": state },
    element("span", { class: "service-name" }, service.service),
    element("span", { class: "quiet" }, service.instance),
    element("span", { class: "service-state" }, t(`state.${state}`)),
    element("span", { class: "service-detail", lang: service.detail ? "en" : null },
      service.detail || (state === "up" ? "" : t("service.silent", { seconds: number(service.age_seconds) }))));
};

/**
 * Build the view.
 *
 * @param {(system: object) => void} onSystem
 */
export function createSystem(onSystem) {
  const arrivals = [];
  const delays = { face: [], songs: [] };
  let system = null;

  const rate = () => {
    const since = performance.now() - RATE_MS;
    while (arrivals.length > 0 && arrivals[0] < since) {
      arrivals.shift();
    }
    return arrivals.length / (RATE_MS / 1000);
  };

  const opened = Date.now();

  const noteDelay = (kind, event) => {
    // What was there before the page came is old without fault.
    if (event.time / 1e6 < opened) {
      return;
    }
    delays[kind].push(Math.max(0, Date.now() - event.time / 1e6));
    delays[kind].splice(0, delays[kind].length - DELAYS);
  };

  const delayWords = (kind) => (delays[kind].length === 0
    ? t("figure.none") : t("figure.ms", { ms: number(median(delays[kind])) }));

  /** What is wrong, the worst first; empty when all is well. */
  const troubles = () => {
    const missing = missingParts(system).map((name) => t(`missing.${name}`));
    const degraded = system.services.filter((one) => stateOf(one) === "degraded" && one.detail)
      .map(({ service, detail }) => t("system.says", { service, detail }));
    return [
      ...(missing.length > 0 ? [t("next.start.text", { names: list(missing) })] : []),
      ...(missing.length === 0 && system.problem ? [`${t("connection.silent")}.`] : []),
      ...degraded,
      ...(system.songs === 0 ? [t("next.library.text")] : []),
    ];
  };

  const figures = () => {
    const { services, workers } = system;
    const drops = dropReasons(services);
    return [
      [t("figure.workers"), number(workers)],
      [t("figure.rate"), number(rate(), 1)],
      [t("figure.browsers"), number(total(services, "gateway", "browser_cameras") ?? 0)],
      [t("figure.face-delay"), delayWords("face")],
      [t("figure.songs-delay"), delayWords("songs")],
      [t("figure.dropped"), number(total(services, "broker", "frames_dropped") ?? 0), list(drops)],
      [t("figure.index"), counted("library.songs", system.songs), system.generation],
    ];
  };

  const show = () => {
    if (system === null) {
      setText(byId("verdict"), t("system.unknown"));
      return;
    }
    const wrong = troubles();
    setText(byId("verdict"), t(wrong.length === 0 ? "system.well" : "system.wrong"));
    setText(byId("verdict-text"), wrong.length === 0 ? t("system.well.text") : wrong.join(" "));
    byId("figures").replaceChildren(...figures().map(([name, value, more]) => element("div", {},
      element("dt", {}, name),
      element("dd", {}, value, more ? element("span", { class: "quiet" }, more) : ""))));
    byId("services").replaceChildren(...system.services.map(rowOf));
  };

  const poll = async () => {
    try {
      system = await get("/v1/status");
      onSystem(system);
      show();
    } catch {
      // The connection's own sign says so already.
    }
  };

  onLanguage(show);
  poll();
  setInterval(poll, POLL_MS);

  return {
    /** Count one frame that was read. */
    countFrame(event) {
      arrivals.push(performance.now());
      rate();
      noteDelay("face", event);
    },
    /** Count the songs of a window. */
    countSongs: (event) => noteDelay("songs", event),
  };
}
