"""Choosing songs: the nearest to what is asked for, then the rules, then the reasons."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from moodcue.events import SongMatch
from moodcue.songs import Song, known_artist
from moodcue.taxonomy import EMOTIONS, emotions_at
from moodcue_recommender.history import History
from moodcue_recommender.library import Library
from moodcue_recommender.reasons import reason_for
from moodcue_recommender.rules import Candidates, Choice, Rule, Weights, choose, fitting, widened
from moodcue_recommender.vectors import (
    Matching,
    Point,
    checked_probabilities,
    cosine_query,
    plane_query,
    plane_shares,
    target_of,
)

NEAREST = 1000
"""How many of the nearest songs the rules choose from."""

_NOTICED = 0.25
"""How much nearer on the plane a song must begin to be put first."""

_NEARLY_AS_GOOD = 0.1
"""How much lower than the best score of an answer that of the first song may be."""


@dataclass(frozen=True)
class Ranking:
    """The chosen songs.

    Attributes:
        songs: best first, but for the first one, which may follow the song that plays.
        repeated: how many of them came again within the memory, for want of others that fit.
        target: the point of the plane that they were chosen for; none where there are none.
        fitting: how many songs of the library fit, up to `NEAREST`.
    """

    songs: tuple[SongMatch, ...] = ()
    repeated: int = 0
    target: Point | None = None
    fitting: int = 0


def rank(
    library: Library,
    probabilities: Sequence[float],
    *,
    count: int,
    target: Point | None = None,
    history: History | None = None,
    taste: Mapping[int, float] | None = None,
    excluded: Collection[int] = (),
    stay: Collection[int] = (),
    weights: Weights | None = None,
) -> Ranking:
    """Choose the songs of a library for a mood.

    Args:
        library: to choose from.
        probabilities: seven of the listener, in the order of `EMOTIONS`.
        count: how many songs; fewer if the library has fewer.
        target: where on the plane the songs are to lie instead of where the probabilities ask for.
        history: what was recommended before; none: nothing.
        taste: what feedback adds to songs, by id, in units of fit; 0 for all others.
        excluded: ids of songs that stay away.
        stay: ids of songs that are to be in the answer, if they are among the nearest.
        weights: of the rules.

    Raises:
        ProtocolError: if the probabilities are none.
    """
    checked_probabilities(probabilities)
    history, taste, weights = history or History(), taste or {}, weights or Weights()
    if target is None:
        weights = widened(weights, probabilities)
    aim = target_of(probabilities) if target is None else target
    query = _query(library.matching, probabilities, target)
    places, fit = library.nearest(query, NEAREST + len(excluded))
    if excluded:
        allowed = ~np.isin(library.songs.ids[places], list(excluded))
        places, fit = places[allowed], fit[allowed]
    if not len(places):
        return Ranking()
    ids = library.songs.ids[places].tolist()
    song = cache(library.songs.song)
    candidates = Candidates(
        fit=fit,
        wait=history.waits(ids),
        times=history.times(ids),
        taste=np.array([taste.get(i, 0.0) for i in ids]),
        stays=np.array([i in stay for i in ids]),
        sound=np.hstack([library.songs.opening[places], library.songs.ending[places]]),
        artist=lambda position: _artist(song(ids[position])),
        recording=lambda position: _recording(song(ids[position])),
    )
    total = len(library.songs)
    due = history.length / total
    choices = choose(candidates, weights, count=count, library=total, due=due)
    choices = _following(choices, library, places, fit, history.playing)
    songs = tuple(
        _match(
            song(ids[choice.position]),
            choice,
            score=float(fit[choice.position]),
            shares=_shares(library, probabilities, target, int(places[choice.position])),
            target=aim,
        )
        for choice in choices
    )
    return Ranking(
        songs,
        repeated=sum(choice.early for choice in choices),
        target=aim,
        fitting=fitting(fit, weights, count=count, library=total),
    )


def _query(
    matching: Matching, probabilities: Sequence[float], target: Point | None
) -> NDArray[np.float64]:
    if matching is Matching.PLANE:
        return plane_query(target_of(probabilities) if target is None else target)
    if target is None:
        return cosine_query(probabilities)
    return cosine_query(emotions_at(valence=target[0], arousal=target[1]))


def _shares(
    library: Library, probabilities: Sequence[float], target: Point | None, place: int
) -> dict[str, float]:
    """Return each emotion's share of the score; none for a target that is not from emotions."""
    vector = library.vectors[place].astype(np.float64)
    if target is not None:
        return {}
    if library.matching is Matching.PLANE:
        return plane_shares(probabilities, vector)
    shares = cosine_query(probabilities) * vector
    return dict(zip(EMOTIONS, shares.tolist(), strict=True))


def _following(
    choices: list[Choice],
    library: Library,
    places: NDArray[np.int64],
    fit: NDArray[np.float64],
    playing: int | None,
) -> list[Choice]:
    """Put first, of those that fit best, the song that begins most like the end of what plays."""
    if playing is None or playing not in library.songs or not choices:
        return choices
    positions = [choice.position for choice in choices]
    end = library.songs.ending[library.songs.place(playing)]
    apart = np.linalg.norm(library.songs.opening[places[positions]] - end, axis=1)
    scores = fit[positions]
    apart[scores < scores.max() - _NEARLY_AS_GOOD] = np.inf
    first = int(apart.argmin())
    if first == 0 or apart[0] - apart[first] < _NOTICED:
        return choices
    moved = Choice(choices[first].position, Rule.FOLLOWS, choices[first].early)
    return [moved, *choices[:first], *choices[first + 1 :]]


def _artist(song: Song) -> str:
    return known_artist(song.artist).strip().casefold()


def _recording(song: Song) -> str:
    artist = _artist(song)
    return f"{artist}\n{song.title.strip().casefold()}" if artist else song.key


def _match(
    song: Song, choice: Choice, *, score: float, shares: dict[str, float], target: Point
) -> SongMatch:
    return SongMatch(
        song=song.key,
        title=song.title,
        artist=song.artist,
        path=song.path,
        score=score,
        emotions=song.emotions,
        valence=song.valence,
        arousal=song.arousal,
        contributions=shares,
        reason=reason_for(
            score=score,
            shares=shares,
            song=(song.valence, song.arousal),
            target=target,
            moved_by=choice.moved_by,
            repeated=choice.early,
        ),
        fit_rank=choice.position + 1,
        moved_by=choice.moved_by or "",
        repeated=choice.early,
        uncertainty=song.uncertainty,
    )
