// Which camera the page follows.

import { byId, element } from "./dom.js";

/**
 * Build the choice; it shows once there are two cameras.
 *
 * @param {(camera: string) => void} onChoose
 */
export function createCameras(onChoose) {
  const select = byId("camera-choice");
  const known = new Set();
  let chosen = null;

  select.addEventListener("change", () => {
    chosen = select.value;
    onChoose(chosen);
  });

  return {
    /** Note a camera; says whether it is the one to show. The first one is. */
    follows(camera) {
      if (!known.has(camera)) {
        known.add(camera);
        select.append(element("option", { value: camera }, camera));
        byId("camera").hidden = known.size < 2;
      }
      chosen ??= camera;
      return camera === chosen;
    },
    chosen: () => chosen,
  };
}
