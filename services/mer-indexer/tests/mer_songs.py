"""Indexes of songs that nobody has heard."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np

from moodcue.library_index import read_manifest
from moodcue.songs import Song, SongTable, Tags, open_songs
from moodcue_mer_indexer.emotion import summarise
from moodcue_mer_indexer.publish import Origin, publish_index, song_id


def make_song(
    path: str,
    quadrants: tuple[float, ...],
    *,
    artist: str = "Artist",
    title: str = "",
    seconds: float = 180.4,
    duplicates: tuple[str, ...] = (),
    tags: Tags | None = None,
) -> Song:
    """Make a song that has these probabilities from beginning to end."""
    emotion = summarise([quadrants], patch_seconds=1)
    point = (emotion.valence, emotion.arousal)
    return Song(
        id=song_id(path),
        path=path,
        title=title or Path(path).stem,
        artist=artist,
        duration_seconds=seconds,
        valence=emotion.valence,
        arousal=emotion.arousal,
        uncertainty=emotion.uncertainty,
        emotions=emotion.emotions,
        quadrants=emotion.quadrants,
        moment_seconds=0,
        trajectory=(point,),
        opening=point,
        ending=point,
        duplicates=duplicates,
        tags=tags or Tags(),
    )


def publish(songs: Iterable[Song], *, index: Path, music: Path) -> SongTable:
    """Publish songs and open them."""
    ordered = sorted(songs, key=lambda song: song.path)
    content = hashlib.sha256(msgspec.msgpack.encode(ordered)).hexdigest()
    origin = Origin(music_root=music, model="none", model_sha256="0" * 64, content=content)
    publish_index(ordered, index=index, origin=origin)
    return open_songs(index, read_manifest(index))


def random_songs(count: int, *, seed: int = 0) -> list[Song]:
    """Make songs of all quadrants, some sure and some not."""
    generator = np.random.default_rng(seed)
    return [
        make_song(
            f"{number:06}.mp3",
            tuple(generator.dirichlet((0.7, 0.4, 0.6, 0.8)).tolist()),
            artist=f"Artist {number % 17}",
            title=f"Song {number}",
        )
        for number in range(count)
    ]
