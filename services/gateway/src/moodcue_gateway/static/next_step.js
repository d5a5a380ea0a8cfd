// What to do next, where something is still missing: one sentence at a time, the first need first.

import { byId, setText } from "./dom.js";
import { list, onLanguage, t } from "./language.js";
import { missingParts } from "./system.js";

/** A face that was away for less is no reason to speak. */
const PATIENCE_MS = 20_000;

/**
 * Build it.
 *
 * @param {() => boolean | null} seesFace
 * @param {() => boolean} hasCamera whether this device's camera is on
 */
export function createNextStep(seesFace, hasCamera) {
  let system = null;
  let faceSince = performance.now();

  const need = () => {
    if (system === null) {
      return null;
    }
    const { missing, services, songs } = system;
    const [broken] = services.filter((one) => one.service === "fer" && one.state === "degraded" && !one.stale);
    const others = missingParts(system).filter((name) => name !== "camera");
    if (others.length > 0) {
      return ["start", { names: list(others.map((name) => t(`missing.${name}`))) }];
    }
    if (broken) {
      return ["model", { detail: broken.detail }];
    }
    if (songs === 0) {
      return ["library", {}];
    }
    if (missing.includes("camera") && !hasCamera()) {
      return ["camera", {}];
    }
    return performance.now() - faceSince > PATIENCE_MS ? ["face", {}] : null;
  };

  const show = () => {
    const found = need();
    byId("next-step").hidden = found === null;
    if (found !== null) {
      const [name, values] = found;
      setText(byId("next-step-title"), t(`next.${name}`));
      setText(byId("next-step-text"), t(`next.${name}.text`, values));
    }
  };
  onLanguage(show);

  return {
    /** Look again, because the camera was started or stopped. */
    show,
    /** Take the newest state of the system. */
    showSystem(next) {
      system = next;
      if (seesFace() !== false) {
        faceSince = performance.now();
      }
      show();
    },
  };
}
