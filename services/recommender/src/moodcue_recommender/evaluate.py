"""How well songs fit, measured on a library whose songs people have labelled."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moodcue.errors import MoodcueError
from moodcue.taxonomy import EMOTIONS, QUADRANTS, Emotion, dominant_emotion
from moodcue_recommender.history import History
from moodcue_recommender.library import Library
from moodcue_recommender.listeners import SimulatedWindow, clear_face, simulate
from moodcue_recommender.ranking import rank
from moodcue_recommender.rules import Weights
from moodcue_recommender.vectors import Matching

AGREEING: Mapping[Emotion, frozenset[str]] = {
    Emotion.ANGER: frozenset({"Q2"}),
    Emotion.DISGUST: frozenset({"Q2"}),
    Emotion.FEAR: frozenset({"Q2"}),
    Emotion.HAPPINESS: frozenset({"Q1"}),
    Emotion.SADNESS: frozenset({"Q3"}),
    Emotion.SURPRISE: frozenset({"Q1", "Q2"}),
    Emotion.NEUTRAL: frozenset({"Q4"}),
}
"""The quadrants whose songs agree with an emotion."""

OPPOSITES = ((Emotion.HAPPINESS, Emotion.SADNESS), (Emotion.ANGER, Emotion.NEUTRAL))
"""Emotions whose music lies in opposite corners of the plane."""

COUNT = 5
"""Songs of an answer."""

NO_RULES = Weights(
    repeat_memory=0,
    margin=0.0,
    widening=0.0,
    wait=0.0,
    often=0.0,
    variety=0.0,
    artist_cap=COUNT,
)
"""The nearest songs as they are."""

CLEAR = 0.5
"""A window is clear if one emotion has at least this probability: then one quadrant is right."""

_RULES = {"nearest songs alone": NO_RULES, "rules": Weights()}
_HUBS = 20
_FRESH_FACES = 20
_THRESHOLDS = tuple(step / 20 for step in range(20))
_RESAMPLES = 1000


class LabelsError(MoodcueError):
    """A table of labels that cannot be used."""


@dataclass(frozen=True)
class Answered:
    """A window and the ids of the songs that it got."""

    window: SimulatedWindow
    songs: tuple[int, ...]


def read_labels(path: Path) -> dict[str, str]:
    """Read a CSV table with the columns `file` (or `path`) and `quadrant` (Q1 to Q4).

    Returns:
        Quadrants by path in the library.

    Raises:
        LabelsError: naming what is missing or not known.
    """
    try:
        with path.open(encoding="utf-8", newline="") as table:
            rows = list(csv.DictReader(table))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelsError(f"{path} cannot be read: {error}") from error
    labels = {}
    for number, row in enumerate(rows, start=2):
        name, quadrant = row.get("file") or row.get("path"), row.get("quadrant")
        if not name or quadrant not in QUADRANTS:
            raise LabelsError(
                f"{path}, line {number}: file {name!r} with quadrant {quadrant!r}; "
                f"give the columns file and quadrant, one of {', '.join(QUADRANTS)}"
            )
        labels[name] = quadrant
    return labels


def evaluate(
    index: Path, labels: Mapping[str, str], *, windows: int, seed: int, steady_windows: int = 120
) -> dict[str, Any]:
    """Measure what a simulated listener gets from a library, by both kinds of matching.

    Args:
        index: folder of the library's index.
        labels: quadrants by path.
        windows: how many of the listener's windows are answered, one after another.
        seed: of the listener.
        steady_windows: how long a face is unchanged where steadiness is measured.

    Returns:
        The figures; the README says what they mean.

    Raises:
        IndexUnavailableError: if the index cannot be used.
        LabelsError: if no song of the library is labelled.
    """
    listener = simulate(windows, seed=seed)
    libraries = {matching: Library.load(index, matching=matching) for matching in Matching}
    songs = libraries[Matching.PLANE].songs
    quadrants = {song.id: labels[song.path] for song in songs if song.path in labels}
    if not quadrants:
        raise LabelsError("no song of the library is in the table of labels; paths must be equal")
    streams = {
        (matching, rules): answer_stream(libraries[matching], listener, weights=weights)
        for matching in Matching
        for rules, weights in _RULES.items()
    }
    return {
        "songs": len(songs),
        "labelled": len(quadrants),
        "windows": windows,
        "seed": seed,
        "shown_most": dict(Counter(map(_shown, listener)).most_common()),
        "matchings": {
            f"{matching}, {rules}": figures(
                libraries[matching],
                stream,
                quadrants,
                weights=_RULES[rules],
                steady_windows=steady_windows,
            )
            for (matching, rules), stream in streams.items()
        },
        "risk_coverage": risk_coverage(streams[Matching.PLANE, "rules"], quadrants),
    }


def figures(
    library: Library,
    stream: Sequence[Answered],
    quadrants: Mapping[int, str],
    *,
    weights: Weights,
    steady_windows: int,
) -> dict[str, Any]:
    """Return the figures of one kind of matching with one set of rules.

    Args:
        library: with its matching.
        stream: the listener's windows with their answers.
        quadrants: labels by song.
        weights: of the rules that made the answers.
        steady_windows: how long a face is unchanged where steadiness is measured.
    """
    clear = [each for each in stream if max(each.window.probabilities) >= CLEAR]
    fresh = fresh_answers(library, clear, weights=weights)
    counts = Counter(song for each in stream for song in each.songs)
    return {
        "agreement_at_5": agreement(clear, quadrants),
        "agreement_at_5_of_all_windows": agreement(stream, quadrants),
        "coverage": round(len(counts) / len(library.songs), 4),
        "hub_share": round(sum(n for _, n in counts.most_common(_HUBS)) / counts.total(), 4),
        "calm_share_when_calm": calm_share(clear, quadrants),
        "responsiveness": responsiveness(fresh),
        "songs_shared_by_opposites": shared_by_opposites(fresh),
        "steadiness": steadiness(library, quadrants, weights=weights, windows=steady_windows),
    }


def answer_stream(
    library: Library, windows: Iterable[SimulatedWindow], *, weights: Weights
) -> list[Answered]:
    """Answer windows one after another, each knowing what came before."""
    history = History()
    answered = []
    for window in windows:
        found = rank(library, window.probabilities, count=COUNT, history=history, weights=weights)
        songs = tuple(int(song.song, 16) for song in found.songs)
        history.add(songs)
        answered.append(Answered(window, songs))
    return answered


def fresh_answers(
    library: Library, stream: Sequence[Answered], *, weights: Weights
) -> dict[str, list[frozenset[int]]]:
    """Answer the first windows of each emotion as if nothing had come before."""
    answers: dict[str, list[frozenset[int]]] = {name: [] for name in EMOTIONS}
    for each in stream:
        sets = answers[_shown(each.window)]
        if len(sets) < _FRESH_FACES:
            found = rank(library, each.window.probabilities, count=COUNT, weights=weights)
            sets.append(frozenset(int(song.song, 16) for song in found.songs))
    return answers


def agreement(stream: Iterable[Answered], quadrants: Mapping[int, str]) -> dict[str, Any]:
    """Return the share of songs whose label agrees with the emotion that the window shows most.

    The interval is that of the mean over the emotions, by resampling the songs of the library: it
    says how much the figure owes to these songs.
    """
    ids = {song: place for place, song in enumerate(quadrants)}
    hits, total = np.zeros((len(EMOTIONS), len(ids))), np.zeros((len(EMOTIONS), len(ids)))
    windows = Counter[str]()
    for each in stream:
        shown = _shown(each.window)
        windows[shown] += 1
        for song in each.songs:
            if song in ids:
                row, column = EMOTIONS.index(shown), ids[song]
                total[row, column] += 1
                hits[row, column] += quadrants[song] in AGREEING[Emotion(shown)]
    seen = [row for row, name in enumerate(EMOTIONS) if total[row].any() and name in windows]
    shares = hits[seen].sum(axis=1) / total[seen].sum(axis=1)
    low, high = _interval(hits[seen], total[seen])
    return {
        "mean": round(float(shares.mean()), 4),
        "mean_interval_95": [round(low, 4), round(high, 4)],
        "worst": round(float(shares.min()), 4),
        "by_emotion": {
            EMOTIONS[row]: {"windows": windows[EMOTIONS[row]], "agreement": round(float(share), 4)}
            for row, share in zip(seen, shares, strict=True)
        },
    }


def _interval(hits: NDArray[np.float64], total: NDArray[np.float64]) -> tuple[float, float]:
    chance = np.random.default_rng(0)
    songs = hits.shape[1]
    drawn = chance.multinomial(songs, np.full(songs, 1 / songs), size=_RESAMPLES)
    means = ((drawn @ hits.T) / np.maximum(drawn @ total.T, 1e-9)).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def calm_share(stream: Iterable[Answered], quadrants: Mapping[int, str]) -> float:
    """Return the share of calm songs, by label, in the answers to calm faces."""
    calm = [
        quadrants[song] == "Q4"
        for each in stream
        if _shown(each.window) == Emotion.NEUTRAL
        for song in each.songs
        if song in quadrants
    ]
    return round(float(np.mean(calm)), 4) if calm else 0.0


def responsiveness(fresh: Mapping[str, Sequence[frozenset[int]]]) -> dict[str, float]:
    """Return mean Jaccard distances of fresh answers: 0 for the same songs, 1 for none in common.

    Emotions of which the music lies in the same place count as different ones, too.
    """
    same = [
        _jaccard_distance(one, other)
        for sets in fresh.values()
        for one, other in combinations(sets, 2)
    ]
    different = [
        _jaccard_distance(one, other)
        for first, second in combinations(fresh.values(), 2)
        for one in first
        for other in second
    ]
    return {
        "different_emotions": round(float(np.mean(different)), 4) if different else 0.0,
        "same_emotion": round(float(np.mean(same)), 4) if same else 0.0,
    }


def _shown(window: SimulatedWindow) -> str:
    return dominant_emotion(window.probabilities)


def _jaccard_distance(one: frozenset[int], other: frozenset[int]) -> float:
    return 1 - len(one & other) / len(one | other)


def shared_by_opposites(fresh: Mapping[str, Sequence[frozenset[int]]]) -> int:
    """Return how many songs fresh answers to opposite emotions have in common."""
    return sum(
        len(frozenset().union(*fresh[one]) & frozenset().union(*fresh[other]))
        for one, other in OPPOSITES
    )


def steadiness(
    library: Library, quadrants: Mapping[int, str], *, weights: Weights, windows: int
) -> dict[str, Any]:
    """Return what a face gets that does not change, by emotion.

    `songs` is how many different ones; `same_mood` the share of the slots that agree with the
    emotion.
    """
    figures = {}
    for emotion in Emotion:
        face = SimulatedWindow(emotion, clear_face(emotion), 1.0)
        answers = answer_stream(library, [face] * windows, weights=weights)
        slots = [song for each in answers for song in each.songs]
        agree = [quadrants[song] in AGREEING[emotion] for song in slots if song in quadrants]
        figures[emotion.value] = {
            "songs": len(set(slots)),
            "same_mood": round(float(np.mean(agree)), 4),
        }
    return figures


def risk_coverage(
    stream: Sequence[Answered], quadrants: Mapping[int, str]
) -> list[dict[str, float]]:
    """Say how agreement with the mood that was felt rises as doubtful windows are held.

    Returns:
        By threshold of confidence: the share of windows that are answered, the share of their
        songs that agree with the mood that was felt, and the share of windows whose emotion is
        read right.
    """
    confidences = np.array([each.window.confidence for each in stream])
    right = np.array([_shown(each.window) == each.window.felt for each in stream])
    agree = np.array([_agreeing(each, quadrants) for each in stream])
    return [
        {
            "min_confidence": threshold,
            "answered": round(float(kept.mean()), 4),
            "agreement": round(float(np.nanmean(agree[kept])), 4),
            "read_right": round(float(right[kept].mean()), 4),
        }
        for threshold in _THRESHOLDS
        if (kept := confidences >= threshold).any()
    ]


def _agreeing(each: Answered, quadrants: Mapping[int, str]) -> float:
    known = [
        quadrants[song] in AGREEING[each.window.felt] for song in each.songs if song in quadrants
    ]
    return float(np.mean(known)) if known else float("nan")
