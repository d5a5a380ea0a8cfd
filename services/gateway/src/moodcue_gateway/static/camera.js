// This device's camera: asking for it, the sign while it is on, and stopping it.

import { isReplaced, openCameraLink } from "./camera_link.js";
import { byId, setText } from "./dom.js";
import { known, number, onLanguage, t } from "./language.js";
import { recall, remember } from "./memory.js";
import { createPreview } from "./preview.js";

const LONGER_SIDE = 320;
const QUALITY = 0.7;
const RATE_MS = 5000;
const UMLAUTS = { ä: "ae", ö: "oe", ü: "ue", Ä: "Ae", Ö: "Oe", Ü: "Ue", ß: "ss" };
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/;

const randomHex = (bytes) => [...crypto.getRandomValues(new Uint8Array(bytes))]
  .map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Who this browser is as a camera; made once, and remembered. */
function ownIdentity() {
  const known = recall("camera") ?? { name: `room-${randomHex(2)}`, key: randomHex(16) };
  remember("camera", known);
  return known;
}

/** Name that a camera may have, as near as can be to what a person typed. */
const usableName = (text) => text.trim().replace(/[äöüß]/gi, (letter) => UMLAUTS[letter]).normalize("NFKD").replace(/[\u0300-\u036f]/g, "")
  .replace(/\s+/g, "-").replace(/[^A-Za-z0-9_.-]/g, "");

/** What to do about a camera that the browser does not give. */
function refusalWords(error) {
  const words = {
    NotAllowedError: "camera.denied", NotFoundError: "camera.none", NotReadableError: "camera.busy",
  };
  return t(words[error.name] ?? "camera.failed", { reason: error.message });
}

/**
 * Build the camera.
 *
 * @param {(name: string | null) => void} onRoom the room that this device's camera looks at; null
 *   when it is off
 */
export function createCamera(onRoom) {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  const canvas = document.createElement("canvas");
  const preview = createPreview(byId("preview"), video);
  const arrivals = [];
  let identity = ownIdentity();
  let stream = null;
  let link = null;
  let state = "off";
  let trouble = () => "";

  const rate = () => {
    const since = performance.now() - RATE_MS;
    while (arrivals.length > 0 && arrivals[0] < since) {
      arrivals.shift();
    }
    return arrivals.length / (RATE_MS / 1000);
  };

  const show = () => {
    byId("on-air").hidden = state === "off";
    byId("camera-off").hidden = state !== "off";
    byId("preview-choice").hidden = state === "off";
    byId("preview").hidden = state === "off" || !byId("preview-on").checked;
    byId("on-air").dataset.state = state;
    document.title = state === "off" ? "Moodcue" : "● Moodcue";
    setText(byId("on-air-text"), state === "off" ? "" : t(`on-air.${state}`, { name: identity.name }));
    setText(byId("camera-problem"), trouble());
  };

  const showRate = () => {
    if (state === "on") {
      byId("on-air-text").title = t("on-air.rate", { rate: number(rate(), 1) });
    }
  };
  setInterval(showRate, 1000);

  const become = (next, words = () => "") => {
    state = next;
    trouble = words;
    show();
  };

  const grab = async () => {
    const scale = Math.min(1, LONGER_SIDE / Math.max(video.videoWidth, video.videoHeight));
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    const captured = performance.now();
    const jpeg = await new Promise((made) => { canvas.toBlob(made, "image/jpeg", QUALITY); });
    return { jpeg, captured };
  };

  const stop = (words) => {
    link?.stop();
    link = null;
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.srcObject = null;
    preview.clear();
    become("off", words);
    onRoom(null);
  };

  const connect = () => {
    link = openCameraLink(identity, grab, {
      onOn: () => {
        become("on");
        onRoom(identity.name);
      },
      onAway: () => become("away"),
      onTaken: (taken, reason) => {
        if (taken) {
          arrivals.push(performance.now());
        }
        const silent = reason === "no_broker";
        if (silent !== (state === "silent")) {
          become(silent ? "silent" : "on");
        }
      },
      onRefused: (code) => stop(() => {
        if (isReplaced(code)) {
          return t("camera.replaced");
        }
        return known(`camera.refused.${code}`)
          ? t(`camera.refused.${code}`, { name: identity.name })
          : t("camera.refused", { code });
      }),
    });
  };

  const start = async () => {
    const name = usableName(byId("camera-name").value);
    if (!NAME.test(name)) {
      become("off", () => t("camera.bad-name"));
      return;
    }
    identity = { ...identity, name };
    remember("camera", identity);
    byId("camera-name").value = name;
    if (!navigator.mediaDevices) {
      become("off", () => t("camera.insecure", { port: location.port || "8080" }));
      return;
    }
    become("off", () => t("camera.asking"));
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "user", width: { ideal: 640 }, height: { ideal: 480 } },
      });
      video.srcObject = stream;
      await video.play();
    } catch (error) {
      stop(() => refusalWords(error));
      return;
    }
    stream.getVideoTracks()[0].addEventListener("ended", () => stop(() => t("camera.gone")));
    become("connecting");
    connect();
  };

  byId("camera-name").value = identity.name;
  byId("camera-start").addEventListener("click", start);
  byId("camera-stop").addEventListener("click", () => {
    stop();
    byId("camera-start").focus();
  });
  byId("preview-on").addEventListener("change", show);
  onLanguage(show);

  return {
    /** Take a reading: faces of this device's camera are outlined on its picture. */
    showFace(event) {
      if (state !== "off" && event.camera === identity.name && !byId("preview").hidden) {
        preview.outline(event);
      }
    },
    isOn: () => state !== "off",
  };
}
