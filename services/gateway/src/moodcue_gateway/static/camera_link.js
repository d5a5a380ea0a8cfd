// Sends pictures to the gateway, never more than two that it has not acknowledged: over a slow
// connection there are fewer pictures, but none that are old.

const IN_FLIGHT = 2;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 8000;
const SILENCE_MS = 10_000;
const AGE_BYTES = 2;
const MAX_AGE_MS = 65_535;
const TRIP_MEMORY = 0.2;
/** The same browser is a camera in another window: it must not fight for the name. */
const REPLACED = 4001;
const OUR_REFUSALS = 4000;

/**
 * Follow one camera's connection until `stop`.
 *
 * @param {{ name: string, key: string }} hello who this browser is
 * @param {() => Promise<{ jpeg: Blob, captured: number }>} grab takes a picture; `captured` is of
 *   `performance.now()`
 * @param {{ onOn: () => void, onAway: () => void, onTaken: (taken: boolean, reason: string) => void,
 *   onRefused: (code: number, reason: string) => void }} tell what happens
 */
export function openCameraLink(hello, grab, tell) {
  let socket = null;
  let timer = null;
  let stopped = false;
  let retry = FIRST_RETRY_MS;
  let interval = 200;
  let maxBytes = Infinity;
  let trip = 0;
  let sent = [];
  let grabbing = false;

  const send = async () => {
    grabbing = true;
    const { jpeg, captured } = await grab().finally(() => { grabbing = false; });
    if (socket?.readyState !== WebSocket.OPEN || jpeg.size > maxBytes) {
      return;
    }
    const now = performance.now();
    const age = new DataView(new ArrayBuffer(AGE_BYTES));
    age.setUint16(0, Math.min(MAX_AGE_MS, Math.round(now - captured + trip / 2)));
    socket.send(new Blob([age, jpeg]));
    sent.push(now);
  };

  const tick = () => {
    timer = setTimeout(tick, interval);
    if (sent.length > 0 && performance.now() - sent[0] > SILENCE_MS) {
      socket.close();
    } else if (sent.length < IN_FLIGHT && !grabbing) {
      send().catch(() => {
        // A picture that cannot be taken is left out; the video says what is wrong.
      });
    }
  };

  const receive = (answer) => {
    if (answer.camera !== undefined) {
      interval = 1000 / answer.rate;
      maxBytes = answer.max_bytes;
      retry = FIRST_RETRY_MS;
      tell.onOn();
      tick();
      return;
    }
    trip += TRIP_MEMORY * (performance.now() - sent.shift() - trip);
    tell.onTaken(answer.taken, answer.reason);
  };

  const open = () => {
    socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/v1/camera`);
    socket.addEventListener("open", () => socket.send(JSON.stringify(hello)));
    socket.addEventListener("message", ({ data }) => receive(JSON.parse(data)));
    socket.addEventListener("close", ({ code, reason }) => {
      clearTimeout(timer);
      sent = [];
      if (stopped) {
        return;
      }
      if (code >= OUR_REFUSALS) {
        stopped = true;
        tell.onRefused(code, reason);
        return;
      }
      tell.onAway();
      timer = setTimeout(open, retry);
      retry = Math.min(LONGEST_RETRY_MS, retry * 2);
    });
  };
  open();

  return {
    /** End it for good. */
    stop() {
      stopped = true;
      clearTimeout(timer);
      socket.close();
    },
  };
}

/** Whether a refusal means that this browser goes on elsewhere. */
export const isReplaced = (code) => code === REPLACED;
