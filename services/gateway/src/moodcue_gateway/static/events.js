// The live connection: events by type, and whether it stands.

const TYPES = [
  "face_emotion.v1", "emotion_window.v1", "recommendation.v1", "taste.v1", "index_published.v1",
  "status.v1", "gap",
];
const RETRY_MS = 2000;
// The gateway's own heartbeat comes every second.
const SILENCE_MS = 6000;

/**
 * Follow the gateway's events, for as long as the page is open.
 *
 * The browser reconnects by itself and says what it had last; where it gives up (an error page
 * instead of events), we begin again.
 *
 * @param {(type: string, event: object) => void} onEvent
 * @param {(state: "live" | "silent" | "lost") => void} onState
 */
export function follow(onEvent, onState) {
  let source;
  let lastHeard = performance.now();

  const receive = (message) => {
    lastHeard = performance.now();
    onState("live");
    onEvent(message.type, JSON.parse(message.data));
  };

  const open = () => {
    source = new EventSource("/v1/events");
    source.addEventListener("open", () => {
      lastHeard = performance.now();
      onState("live");
    });
    source.addEventListener("error", () => {
      onState("lost");
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(open, RETRY_MS);
      }
    });
    for (const type of TYPES) {
      source.addEventListener(type, receive);
    }
  };

  open();
  setInterval(() => {
    const silent = performance.now() - lastHeard > SILENCE_MS;
    if (silent && source.readyState === EventSource.OPEN) {
      onState("silent");
    }
  }, 1000);
}
