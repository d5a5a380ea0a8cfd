// The songs of the library: a list to search, and all of them on the plane.

import { artOf } from "./art.js";
import { get } from "./ask.js";
import { button, byId, element, setText } from "./dom.js";
import { artistName, counted, onLanguage, t } from "./language.js";
import { placeWords } from "./plane.js";
import { isShown } from "./views.js";

const PAGE = 50;
const CLOUD_PAGE = 500;
const MOST_DOTS = 20_000;
const NEAREST = 50;
const TYPING_MS = 200;

/** Build the library. */
export function createLibrary(player) {
  const cloud = byId("cloud");
  const everything = [];
  let lead = () => t("library.empty");
  let found = [];
  let total = 0;
  let typing = null;
  let generation = "";
  let loaded = "";

  const rowOf = (song) => element("li", { class: "song song-short", "data-song": song.song },
    element("div", { class: "song-art" }, artOf(song),
      button({ class: "play", "aria-label": t("player.play.song", { title: song.title }) },
        () => player.toggle(song))),
    element("div", { class: "song-text" },
      element("p", { class: "song-title" }, song.title),
      element("p", { class: "song-artist" }, [artistName(song.artist), song.album].filter(Boolean).join(" · ")),
      element("p", { class: "song-reason" }, placeWords([song.valence, song.arousal]))));

  const show = (words) => {
    lead = words;
    setText(byId("library-lead"), lead());
    byId("found").replaceChildren(...found.map(rowOf));
    byId("more").hidden = found.length >= total;
  };

  const load = async (offset) => {
    const query = byId("search").value.trim();
    try {
      const page = await get(`/v1/songs?query=${encodeURIComponent(query)}&offset=${offset}&limit=${PAGE}`);
      if (query !== byId("search").value.trim()) {
        return;
      }
      found = offset === 0 ? page.songs : [...found, ...page.songs];
      total = page.total;
      const nothing = () => (query ? t("library.nothing", { query }) : t("library.empty"));
      show(() => (total === 0 ? nothing() : counted("library.songs", total)));
    } catch (error) {
      [found, total] = [[], 0];
      show(() => `${t("library.none")} ${error.message}`);
    }
  };

  const loadCloud = async () => {
    let size = 1;
    everything.length = 0;
    while (everything.length < Math.min(size, MOST_DOTS)) {
      const page = await get(`/v1/songs?offset=${everything.length}&limit=${CLOUD_PAGE}`);
      if (page.songs.length === 0) {
        return;
      }
      size = page.total;
      everything.push(...page.songs);
      cloud.showCloud(everything);
      cloud.describe(() => counted("library.songs", everything.length));
    }
  };

  cloud.addEventListener("pick", ({ detail: [valence, arousal] }) => {
    const distance = (song) => Math.hypot(song.valence - valence, song.arousal - arousal);
    found = everything.toSorted((a, b) => distance(a) - distance(b)).slice(0, NEAREST);
    total = found.length;
    cloud.showWish([valence, arousal]);
    show(() => t("library.near", { place: placeWords([valence, arousal]) }));
  });
  byId("search").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      cloud.showWish(null);
      load(0);
    }, TYPING_MS);
  });
  byId("more").addEventListener("click", () => load(found.length));
  onLanguage(() => show(lead));

  const reload = () => {
    if (isShown("library") && generation !== loaded) {
      loaded = generation;
      load(0);
      loadCloud().catch(() => {
        // The list above says what is wrong.
      });
    }
  };
  addEventListener("hashchange", reload);

  return {
    /** Follow the index: a new one is read when the view is to be seen. */
    follow(system) {
      generation = system.generation;
      reload();
    },
  };
}
