// Playing songs one after another on two decks, so that one can fade into the next. What plays goes
// on when the list changes; the song after it comes from the newest list.

import { artOf } from "./art.js";
import { byId, setText } from "./dom.js";
import { artistName, onLanguage, t } from "./language.js";

const FADE_SECONDS = 4;
const SKIP_FADE_SECONDS = 0.8;
const FADE_STEP_MS = 50;
/** Shorter songs are played to their end. */
const SHORTEST_TO_FADE_SECONDS = 3 * FADE_SECONDS;
const REMEMBERED = 20;

const clock = (seconds) =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

/**
 * Build the player.
 *
 * @param {object} feedback
 * @param {(song: object) => void} onPlay a song has begun
 * @param {() => void} onUsedUp all songs of the list were played
 */
export function createPlayer(feedback, onPlay, onUsedUp) {
  const decks = [byId("deck-a"), byId("deck-b")];
  const played = [];
  const listeners = [];
  let queue = [];
  let current = null;
  let deck = decks[0];
  let fading = null;
  const unplayable = new Set();
  let silenced = false;

  const tell = () => {
    show();
    listeners.forEach((listener) => listener());
  };

  const endFade = () => {
    clearInterval(fading);
    fading = null;
    for (const one of decks) {
      if (one !== deck) {
        one.pause();
      }
    }
    deck.volume = 1;
  };

  /** Let the old deck fade out while the new one fades in, with equal power. */
  const fade = (from, seconds) => {
    clearInterval(fading);
    const began = performance.now();
    fading = setInterval(() => {
      const share = Math.min(1, (performance.now() - began) / 1000 / seconds);
      from.volume = Math.cos(share * Math.PI / 2);
      deck.volume = Math.sin(share * Math.PI / 2);
      if (share === 1) {
        endFade();
      }
    }, FADE_STEP_MS);
  };

  const play = (song, fadeSeconds = SKIP_FADE_SECONDS) => {
    const before = deck;
    const sounding = current !== null && !before.paused && !before.ended;
    deck = decks.find((one) => one !== before);
    current = song;
    played.push(song.song);
    played.splice(0, played.length - REMEMBERED);
    setText(byId("player-problem"), "");
    deck.src = `/v1/songs/${encodeURIComponent(song.song)}/audio`;
    deck.volume = sounding ? 0 : 1;
    // A refusal shows itself through the element's "error" event.
    deck.play().catch(() => {});
    if (sounding) {
      fade(before, fadeSeconds);
    } else {
      endFade();
    }
    byId("player").hidden = false;
    byId("player-art").replaceChildren(artOf(song));
    describe(song);
    onPlay(song);
    tell();
  };

  const next = () => {
    const playable = queue.filter(({ song }) => !unplayable.has(song));
    const fresh = playable.filter(({ song }) => !played.includes(song));
    if (fresh.length <= 1) {
      onUsedUp();
    }
    return fresh[0] ?? playable.find(({ song }) => song !== current?.song) ?? playable[0];
  };

  const goOn = (fadeSeconds) => {
    const song = next();
    silenced = song === undefined;
    if (song) {
      play(song, fadeSeconds);
    }
  };

  /** A song that cannot be played is named and passed over. */
  const passOver = () => {
    const { song, title } = current;
    unplayable.add(song);
    goOn(SKIP_FADE_SECONDS);
    setText(byId("player-problem"), t("player.problem", { title }));
    tell();
  };

  const finish = () => {
    feedback.say(current, "played");
    goOn(FADE_SECONDS);
  };

  const skip = () => {
    if (current !== null) {
      feedback.say(current, "skip");
    }
    goOn(SKIP_FADE_SECONDS);
  };

  const toggle = (song) => {
    if (current?.song !== song.song || deck.error) {
      play(song);
    } else if (deck.paused) {
      deck.play().catch(() => {});
    } else {
      endFade();
      deck.pause();
    }
  };

  const describe = (song) => {
    if ("mediaSession" in navigator) {
      navigator.mediaSession.metadata = new MediaMetadata({ title: song.title, artist: artistName(song.artist) });
    }
  };

  const showTime = () => {
    const length = Number.isFinite(deck.duration) ? deck.duration : 0;
    const seek = byId("player-seek");
    seek.max = length;
    seek.value = deck.currentTime;
    seek.style.setProperty("--share", length > 0 ? deck.currentTime / length : 0);
    seek.setAttribute("aria-valuetext", t("player.of", { passed: clock(deck.currentTime), length: clock(length) }));
    setText(byId("player-passed"), clock(deck.currentTime));
    setText(byId("player-left"), clock(length));
  };

  const show = () => {
    if (current === null) {
      return;
    }
    setText(byId("player-title"), current.title);
    setText(byId("player-artist"), artistName(current.artist));
    const button = byId("player-toggle");
    button.classList.toggle("icon-pause", !deck.paused);
    button.classList.toggle("icon-play", deck.paused);
    button.setAttribute("aria-label", t(deck.paused ? "player.play" : "player.pause"));
    byId("player-skip").setAttribute("aria-label", t("player.skip"));
    feedback.mark(byId("player-like"), current.song, current.title);
    showTime();
  };

  for (const one of decks) {
    const ifCurrent = (act) => () => one === deck && current !== null && act();
    one.addEventListener("play", ifCurrent(tell));
    one.addEventListener("pause", ifCurrent(tell));
    one.addEventListener("ended", ifCurrent(finish));
    one.addEventListener("timeupdate", ifCurrent(() => {
      showTime();
      const left = one.duration - one.currentTime;
      if (left < FADE_SECONDS && one.duration > SHORTEST_TO_FADE_SECONDS && !one.paused && queue.length > 1) {
        finish();
      }
    }));
    one.addEventListener("error", ifCurrent(passOver));
  }
  byId("player-toggle").addEventListener("click", () => toggle(current));
  byId("player-skip").addEventListener("click", skip);
  byId("player-skip").classList.add("icon-skip");
  byId("player-like").classList.add("icon-like");
  byId("player-like").addEventListener("click", () => feedback.like(current));
  byId("player-seek").addEventListener("input", ({ target }) => { deck.currentTime = target.value; });
  if ("mediaSession" in navigator) {
    navigator.mediaSession.setActionHandler("nexttrack", skip);
  }
  onLanguage(show);
  feedback.onChange(show);

  return {
    /** Take the songs that follow. */
    setQueue(songs) {
      queue = songs;
      unplayable.clear();
      if (silenced) {
        goOn(SKIP_FADE_SECONDS);
      }
    },
    toggle,
    /** What plays: the id of the song, and whether it is paused. */
    state: () => ({ song: current?.song ?? null, paused: deck.paused }),
    onChange: (listener) => listeners.push(listener),
  };
}
