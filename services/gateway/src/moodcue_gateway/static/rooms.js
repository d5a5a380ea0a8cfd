// Which room the page follows: that of this device's camera, else the first that is heard of.

import { byId, element } from "./dom.js";

/** Answers to wishes where there is no camera come under this name. */
const NO_CAMERA = "manual";

/**
 * Build the choice; it shows once there are two rooms.
 *
 * @param {() => void} onChoose
 */
export function createRooms(onChoose) {
  const select = byId("room-choice");
  const heard = new Set();
  let chosen = null;

  const hear = (room) => {
    if (!heard.has(room)) {
      heard.add(room);
      select.append(element("option", { value: room }, room));
      byId("room").hidden = heard.size < 2;
    }
  };

  const choose = (room) => {
    hear(room);
    select.value = room;
    if (chosen !== room) {
      chosen = room;
      onChoose();
    }
  };
  select.addEventListener("change", () => choose(select.value));

  return {
    choose,
    /** Note a room; says whether it is the one to show. */
    follows(room) {
      if (room !== NO_CAMERA) {
        hear(room);
        if (chosen === null) {
          choose(room);
        }
      }
      return room === chosen;
    },
    chosen: () => chosen ?? NO_CAMERA,
  };
}
