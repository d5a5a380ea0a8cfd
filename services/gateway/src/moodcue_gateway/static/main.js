// Puts the page together: events in, parts of the page out.

import { createCameras } from "./cameras.js";
import { byId, setText } from "./dom.js";
import { follow } from "./events.js";
import { createHistory } from "./history.js";
import { createMoods } from "./moods.js";
import { createNow } from "./now.js";
import { createSongs } from "./songs.js";
import { createSystem } from "./system.js";

const CONNECTION = {
  live: "live",
  silent: "the broker is silent",
  lost: "connection lost, trying again",
};

const now = createNow();
const songs = createSongs();
const history = createHistory();
const system = createSystem();
const newest = { window: new Map(), recommendation: new Map() };

const showSongs = (recommendation) => {
  if (recommendation.songs.length > 0) {
    songs.show(recommendation);
  } else {
    songs.markOld();
  }
};

const showCamera = (camera) => {
  now.clear();
  const window = newest.window.get(camera);
  const recommendation = newest.recommendation.get(camera);
  if (window) {
    now.showWindow(window);
  }
  if (recommendation && moods.followsCamera()) {
    showSongs(recommendation);
  }
};

const cameras = createCameras(showCamera);
const moods = createMoods(
  (recommendation, mood) => songs.show(recommendation, mood),
  () => showCamera(cameras.chosen()),
);

const handlers = {
  "face_emotion.v1": (event) => {
    if (cameras.follows(event.camera)) {
      system.countFrame();
      now.showFace(event);
    }
  },
  "emotion_window.v1": (event) => {
    newest.window.set(event.camera, event);
    if (cameras.follows(event.camera)) {
      now.showWindow(event);
    }
  },
  "recommendation.v1": (event) => {
    history.add([event]);
    // The answer to a request is shown by whoever asked.
    if (event.request !== "") {
      return;
    }
    newest.recommendation.set(event.camera, event);
    if (cameras.follows(event.camera) && moods.followsCamera()) {
      showSongs(event);
    }
  },
};

const loadHistory = async () => {
  try {
    const answer = await fetch("/v1/recommendations?limit=40");
    if (answer.ok) {
      const earlier = (await answer.json()).recommendations;
      history.add(earlier);
      const last = earlier.findLast(({ songs: found, request }) => found.length > 0 && !request);
      if (last && byId("song-list").children.length === 0 && moods.followsCamera()) {
        songs.show(last);
      }
    }
  } catch {
    // The connection's own sign says so already.
  }
};

let state = null;
follow(
  (type, event) => handlers[type]?.(event),
  (next) => {
    if (next === state) {
      return;
    }
    // After a break, what came meanwhile may be more than the stream brings.
    if (next === "live") {
      loadHistory();
    }
    state = next;
    byId("connection").dataset.state = next;
    setText(byId("connection"), CONNECTION[next]);
  },
);
