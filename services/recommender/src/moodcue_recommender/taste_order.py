"""Ordering chosen songs by what their listeners said, and saying so."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from moodcue.events import SongMatch
from moodcue_recommender.rules import Rule
from moodcue_recommender.taste import RoomTaste


def by_taste(
    songs: Sequence[SongMatch], taste: RoomTaste, nudges: Mapping[int, float]
) -> tuple[SongMatch, ...]:
    """Return songs in the order of their scores with what taste adds to them.

    Args:
        songs: chosen, best first; a first one that follows the song that plays stays first.
        taste: of the room.
        nudges: what taste adds to scores, by id; nothing to all others.
    """
    told = [replace(song, liking=taste.liking(_id(song), song.artist)) for song in songs]
    fixed = 1 if told and told[0].moved_by == Rule.FOLLOWS else 0
    ordered = told[:fixed] + sorted(
        told[fixed:], key=lambda song: -(song.score + nudges.get(_id(song), 0.0))
    )
    return tuple(
        _explained(song, moved=song is not before)
        for song, before in zip(ordered, told, strict=True)
    )


def _explained(song: SongMatch, *, moved: bool) -> SongMatch:
    """Name taste as what moved a song, if it did, with how sure that is."""
    liking = song.liking
    if liking is None or not (moved or song.moved_by == Rule.TASTE):
        return song
    told = f"liked to {liking.mean:.0%}, likely {liking.low:.0%} to {liking.high:.0%}"
    way = "up" if liking.mean >= 1 / 2 else "down"
    return replace(
        song, moved_by=Rule.TASTE, reason=f"{song.reason} Feedback moves it {way}: {told}."
    )


def _id(song: SongMatch) -> int:
    return int(song.song, 16)
