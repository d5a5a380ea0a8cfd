// The line about the system: who is up, how fast, what was dropped.

import { byId, element, setText } from "./dom.js";
import { count, missingWords } from "./words.js";

const POLL_MS = 3000;
const RATE_MS = 5000;

const tell = (service) => {
  if (service.stale) {
    return "stopped";
  }
  return service.detail || service.state;
};

/** Group processes by service: `fer` with three instances is one entry. */
const grouped = (services) => Map.groupBy(services, ({ service }) => service);

const dot = ([name, processes]) => {
  const live = processes.filter(({ stale, state }) => !stale && state !== "stopping");
  const degraded = live.some(({ state }) => state === "degraded");
  const state = live.length === 0 ? "down" : degraded ? "degraded" : "up";
  const words = processes.map((one) => `${one.instance}: ${tell(one)}`).join("; ");
  return element("li", { class: "service", "data-state": state, title: words },
    live.length > 1 ? `${name} (${live.length})` : name,
    element("span", { class: "sr-only" }, ` ${state}`));
};

/** Build the line; returns what counts frames. */
export function createSystem() {
  const arrivals = [];

  const rate = () => {
    const now = performance.now();
    while (arrivals.length > 0 && now - arrivals[0] > RATE_MS) {
      arrivals.shift();
    }
    return arrivals.length / (RATE_MS / 1000);
  };

  const show = (system) => {
    byId("services").replaceChildren(...[...grouped(system.services)].map(dot));
    const broker = system.services.find(({ service, stale }) => service === "broker" && !stale);
    const figures = [
      count(system.workers, "worker", "workers"),
      `${rate().toFixed(1)} faces read per second`,
    ];
    if (broker?.counters.frames_dropped !== undefined) {
      figures.push(count(broker.counters.frames_dropped, "picture dropped", "pictures dropped"));
    }
    setText(byId("figures"), figures.join(" · "));
    const words = missingWords(system.missing);
    byId("notice").hidden = !words;
    setText(byId("notice"), words);
  };

  const poll = async () => {
    try {
      const answer = await fetch("/v1/status");
      if (answer.ok) {
        show(await answer.json());
      }
    } catch {
      // The connection's own sign says so already.
    }
  };
  poll();
  setInterval(poll, POLL_MS);

  return {
    /** Count one frame that was read. */
    countFrame() {
      arrivals.push(performance.now());
      rate();
    },
  };
}
