"""What a room's listeners have said of songs, and how far that moves the songs that fit.

Each song has a Beta distribution of how much it is liked. It begins at what is known of the
artist's other songs, weighing as much as two words, and every word on the song itself adds to it.
The nearest songs are ordered by their mean, as a bandit that always plays what seems best; new
songs get their turn because no song comes again while it is remembered as recommended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from moodcue.events import Feedback, FeedbackKind, Liking, TasteEntry, TasteSubject

_PRIOR_WORDS = 2.0
"""How many words what is known beforehand weighs as much as: that of a uniform distribution."""

_SUBTLE = 0.5
"""Weight of what listeners do against what they say: a skip has many reasons."""

_HINT = 0.5
"""Weight of a word on another song of the same artist."""

_INTERVAL = (0.05, 0.95)
_GRID = 1000


@dataclass(frozen=True)
class TasteRules:
    """How feedback acts; times in nanoseconds.

    Attributes:
        margin: largest difference of scores over which a liked song passes a disliked one.
        dislike: how long a disliked song stays away.
        not_now: how long one stays away that is not wanted now.
    """

    margin: float
    dislike: int
    not_now: int


@dataclass(frozen=True, kw_only=True)
class SongTaste:
    """What was said of one song, with its id; `changed` and `excluded_until` in nanoseconds."""

    song: int
    title: str = ""
    artist: str = ""
    likes: int = 0
    dislikes: int = 0
    skips: int = 0
    played: int = 0
    excluded_until: int = 0
    changed: int = 0

    @property
    def good(self) -> float:
        """Words in favour."""
        return self.likes + _SUBTLE * self.played

    @property
    def bad(self) -> float:
        """Words against."""
        return self.dislikes + _SUBTLE * self.skips


def noted(entry: SongTaste, kind: FeedbackKind, *, time: int, rules: TasteRules) -> SongTaste:
    """Return an entry with one more word; to like a song ends its staying away.

    Args:
        entry: so far.
        kind: the word.
        time: when it was said, in nanoseconds.
        rules: how long songs stay away.
    """
    entry = replace(entry, changed=time)
    match kind:
        case FeedbackKind.LIKE:
            return replace(entry, likes=entry.likes + 1, excluded_until=0)
        case FeedbackKind.PLAYED:
            return replace(entry, played=entry.played + 1)
        case FeedbackKind.SKIP:
            return replace(entry, skips=entry.skips + 1)
        case FeedbackKind.DISLIKE:
            away = max(entry.excluded_until, time + rules.dislike)
            return replace(entry, dislikes=entry.dislikes + 1, excluded_until=away)
        case FeedbackKind.NOT_NOW:
            return replace(entry, excluded_until=max(entry.excluded_until, time + rules.not_now))


@dataclass(frozen=True)
class RoomTaste:
    """Everything that was said in a room, by song."""

    songs: Mapping[int, SongTaste] = field(default_factory=dict)

    def after(
        self, feedback: Feedback, *, title: str, artist: str, time: int, rules: TasteRules
    ) -> SongTaste:
        """Return the entry of a song after feedback on it."""
        song = int(feedback.song, 16)
        entry = self.songs.get(song, SongTaste(song=song))
        entry = replace(entry, title=title, artist=artist)
        return noted(entry, feedback.kind, time=time, rules=rules)

    def with_entry(self, entry: SongTaste) -> "RoomTaste":
        """Return the taste with the entry of a song renewed."""
        return RoomTaste({**self.songs, entry.song: entry})

    def excluded(self, time: int) -> frozenset[int]:
        """Return the songs that stay away at a time, in nanoseconds."""
        return frozenset(s for s, entry in self.songs.items() if entry.excluded_until > time)

    @cached_property
    def artists(self) -> Mapping[str, tuple[float, float]]:
        """Words in favour and against, by artist; of songs whose artist is known."""
        sums: dict[str, tuple[float, float]] = {}
        for entry in self.songs.values():
            if entry.artist:
                good, bad = sums.get(entry.artist, (0.0, 0.0))
                sums[entry.artist] = good + entry.good, bad + entry.bad
        return sums

    def parameters(self, song: int, artist: str) -> tuple[float, float] | None:
        """Return alpha and beta of a song's distribution; none where nothing was said of either."""
        own = self.songs.get(song, SongTaste(song=song))
        of_artist = self.artists.get(artist, (0.0, 0.0))
        counted = artist != "" and own.artist == artist
        good = _HINT * (of_artist[0] - own.good * counted)
        bad = _HINT * (of_artist[1] - own.bad * counted)
        if own.good + own.bad + good + bad == 0:
            return None
        expected = (1 + good) / (_PRIOR_WORDS + good + bad)
        return _PRIOR_WORDS * expected + own.good, _PRIOR_WORDS * (1 - expected) + own.bad

    def nudges(self, others: Mapping[int, str], *, margin: float) -> dict[int, float]:
        """Return what the scores of songs gain or lose by id, at most half of the margin.

        Args:
            others: songs of the known artists of which nothing was said, with their artists.
            margin: largest difference of scores that taste makes up for.
        """
        artists = {**others, **{song: entry.artist for song, entry in self.songs.items()}}
        return {
            song: margin * (found[0] / sum(found) - 0.5)
            for song, artist in artists.items()
            if (found := self.parameters(song, artist)) is not None
        }

    def liking(self, song: int, artist: str) -> Liking | None:
        """Return how much a song is liked; none where nothing was said of it or its artist."""
        found = self.parameters(song, artist)
        return liking_of(*found) if found else None

    def entries(self) -> tuple[TasteEntry, ...]:
        """Return songs, then artists, as an event tells them; songs most told of come first."""
        songs = sorted(self.songs.values(), key=lambda s: (-s.good - s.bad, s.song))
        artists = sorted({song.artist for song in songs if song.artist})
        return (*map(self._song_entry, songs), *map(self._artist_entry, artists))

    def _song_entry(self, song: SongTaste) -> TasteEntry:
        return TasteEntry(
            subject=TasteSubject.SONG,
            song=f"{song.song:016x}",
            title=song.title,
            artist=song.artist,
            liking=self.liking(song.song, song.artist) or liking_of(1, 1),
            likes=song.likes,
            dislikes=song.dislikes,
            skips=song.skips,
            played=song.played,
            excluded_until=song.excluded_until,
        )

    def _artist_entry(self, artist: str) -> TasteEntry:
        songs = [song for song in self.songs.values() if song.artist == artist]
        good, bad = self.artists[artist]
        return TasteEntry(
            subject=TasteSubject.ARTIST,
            artist=artist,
            liking=liking_of(1 + good, 1 + bad),
            likes=sum(song.likes for song in songs),
            dislikes=sum(song.dislikes for song in songs),
            skips=sum(song.skips for song in songs),
            played=sum(song.played for song in songs),
        )


def liking_of(alpha: float, beta: float) -> Liking:
    """Return the mean and the 90 % interval of a Beta distribution.

    The percentiles are read off a grid of a thousand points, to about a thousandth.
    """
    points = (np.arange(_GRID) + 0.5) / _GRID
    logs = (alpha - 1) * np.log(points) + (beta - 1) * np.log1p(-points)
    shares = np.cumsum(np.exp(logs - logs.max()))
    low, high = np.interp(_INTERVAL, shares / shares[-1], points + 0.5 / _GRID)
    mean = alpha / (alpha + beta)
    return Liking(mean=mean, low=float(min(low, mean)), high=float(max(high, mean)))
