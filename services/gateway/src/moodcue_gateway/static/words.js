// What the page calls things.

/** Order of every seven-vector. */
export const EMOTIONS = [
  "anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral",
];

const HOLDS = {
  nobody: ["Nobody here", "No face was in view, so nothing was recommended."],
  too_few_frames: ["Too little seen", "Too few pictures arrived to judge the mood."],
  too_dark: ["Too dark", "The face was too dark to read; some light would help."],
  turned_away: ["Turned away", "The face was turned away from the camera."],
  disagreement: ["Different moods", "The people in view showed different moods."],
  low_confidence: ["Hard to tell", "The expression was not clear enough to act on."],
  no_index: ["No songs yet", "The music library is not indexed: moodcue-mer-indexer build MUSIC"],
  not_understood: ["Not understood", "The request was not understood."],
};

const REMEDIES = {
  broker: "the broker (moodcue-broker run)",
  camera: "a camera (moodcue-camera run)",
  fer: "a face-emotion worker (moodcue-fer run)",
  aggregator: "the aggregator (moodcue-aggregator run)",
  recommender: "the recommender (moodcue-recommender run)",
};

export const capitalised = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Headline and sentence for a hold reason. */
export const holdWords = (hold) => HOLDS[hold] ?? ["Holding", hold.replaceAll("_", " ")];

/** One sentence that names what has to be started. */
export function missingWords(missing) {
  const names = missing.map((name) => REMEDIES[name] ?? name);
  if (names.length === 0) {
    return "";
  }
  const all = new Intl.ListFormat("en").format(names);
  return `Still missing: ${all}. make demo starts everything at once.`;
}

export const percent = (share) => `${Math.round(share * 100)} %`;

/** Milliseconds since 1970 of an event's nanoseconds. */
export const milliseconds = (nanoseconds) => nanoseconds / 1e6;

export const clockTime = (nanoseconds) =>
  new Date(milliseconds(nanoseconds)).toLocaleTimeString([], {
    hour: "2-digit", minute: "2-digit", second: "2-digit",
  });

export const count = (number, one, many) => `${number.toLocaleString()} ${number === 1 ? one : many}`;
