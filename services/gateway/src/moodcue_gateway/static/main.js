// Puts the page together: events in, parts of the page out.

import { get } from "./ask.js";
import { createCamera } from "./camera.js";
import { byId, setText } from "./dom.js";
import { follow } from "./events.js";
import { createFeedback } from "./feedback.js";
import { createHistory } from "./history.js";
import { createJournal } from "./journal.js";
import { createLanguageSwitch, onLanguage, t } from "./language.js";
import { createLibrary } from "./library.js";
import { createNextStep } from "./next_step.js";
import { createNow } from "./now.js";
import { createPeople } from "./people.js";
import { createPlayer } from "./player.js";
import "./plane.js";
import "./ring.js";
import { createRooms } from "./rooms.js";
import { createSongs } from "./songs.js";
import { createSystem } from "./system.js";
import { createTaste } from "./taste.js";
import { followAddress } from "./views.js";
import { createModes, createMoods } from "./wishes.js";

const newest = { window: new Map(), recommendation: new Map(), taste: new Map() };

createLanguageSwitch(byId("language"));
const rooms = createRooms(() => showRoom());
const room = () => rooms.chosen();
const now = createNow();
const people = createPeople(room);
const history = createHistory();
const journal = createJournal(() => player);
const feedback = createFeedback(
  room,
  (error) => setText(byId("player-problem"), error.message),
  (answer) => {
    // Where the camera decides, the answer comes with the events.
    if (isForOne(answer) && answer.songs.length > 0 && !moods.followsCamera()) {
      songs.show(answer);
    }
  },
);
const player = createPlayer(feedback, journal.notePlayed, () => moods.followsCamera() || moods.again());
const songs = createSongs(player, feedback, () => moods.words());
const modes = createModes(room);
const taste = createTaste(room);
const library = createLibrary(player);
const nextStep = createNextStep(now.seesFace, () => camera.isOn());
const system = createSystem((state) => {
  nextStep.showSystem(state);
  library.follow(state);
});

const showSongs = (recommendation) => {
  modes.show(recommendation);
  if (recommendation.songs.length > 0) {
    songs.show(recommendation);
  } else {
    songs.markOld();
  }
};

const showRoom = () => {
  now.clear();
  const window = newest.window.get(room());
  const recommendation = newest.recommendation.get(room());
  people.show(window ?? null);
  if (window) {
    now.showWindow(window);
  }
  if (recommendation && moods.followsCamera()) {
    showSongs(recommendation);
  } else if (moods.followsCamera()) {
    songs.markOld();
  }
  showTaste();
};

const showTaste = () => {
  const entries = newest.taste.get(room())?.entries ?? [];
  taste.show(entries);
  feedback.know(entries);
};

const moods = createMoods(room, (recommendation) => songs.show(recommendation), showRoom);
const camera = createCamera((name) => {
  if (name !== null) {
    rooms.choose(name);
  }
  nextStep.show();
});

/** Whether a recommendation answers a mood by hand: then only whoever asked shows it. */
const isForOne = ({ request, window }) => request !== "" && window === "";

const handlers = {
  "face_emotion.v1": (event) => {
    camera.showFace(event);
    if (rooms.follows(event.camera)) {
      system.countFrame(event);
      now.showFace(event);
    }
  },
  "emotion_window.v1": (event) => {
    newest.window.set(event.camera, event);
    if (rooms.follows(event.camera)) {
      now.showWindow(event);
      people.show(event);
      journal.note(event);
    }
  },
  "recommendation.v1": (event) => {
    history.add([event]);
    if (isForOne(event)) {
      return;
    }
    newest.recommendation.set(event.camera, event);
    if (!rooms.follows(event.camera)) {
      return;
    }
    if (event.request === "") {
      system.countSongs(event);
    }
    if (moods.followsCamera()) {
      showSongs(event);
    }
  },
  "taste.v1": (event) => {
    newest.taste.set(event.camera, event);
    showTaste();
  },
};

const loadHistory = async () => {
  try {
    const { recommendations: earlier } = await get("/v1/recommendations?limit=40");
    history.add(earlier);
    const last = earlier.findLast((event) => event.songs.length > 0 && !isForOne(event));
    if (last && byId("song-list").children.length === 0 && moods.followsCamera()) {
      songs.show(last);
    }
  } catch {
    // The connection's own sign says so already.
  }
};

let state = "connecting";
const showConnection = () => {
  byId("connection").dataset.state = state;
  setText(byId("connection"), t(`connection.${state}`));
};
onLanguage(showConnection);
followAddress();
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
    showConnection();
  },
);
