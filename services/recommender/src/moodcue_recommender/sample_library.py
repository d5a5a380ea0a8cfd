"""Made-up libraries in the layout of a published index, for measurements and tests."""

import hashlib
import os
import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import faiss
import msgspec
import numpy as np

from moodcue.identity import system_clock
from moodcue.library_index import FILES, FORMAT, GENERATIONS, MANIFEST, VECTORS, IndexManifest
from moodcue.model_folder import sha256_of
from moodcue.song_writer import fill_table, write_songs
from moodcue.songs import Song, SongTable
from moodcue.taxonomy import BASIC_7, EMOTIONS, emotions_at
from moodcue_recommender.vectors import cosine_query


def random_songs(count: int, *, seed: int = 0) -> list[Song]:
    """Make songs at random points of the valence-arousal plane, the same for the same seed."""
    chance = random.Random(seed)
    return [
        make_song(f"song-{number:06d}", chance.uniform(-1, 1), chance.uniform(-1, 1))
        for number in range(count)
    ]


def make_song(name: str, valence: float, arousal: float) -> Song:
    """Make a song of a name at a point of the plane (each -1 to 1)."""
    path = f"{name}.mp3"
    return Song(
        id=int.from_bytes(hashlib.sha256(path.encode()).digest()[:8]) >> 1,
        path=path,
        title=name,
        artist=f"Artist of {name}",
        duration_seconds=180.0,
        valence=valence,
        arousal=arousal,
        emotions=emotions_at(valence=valence, arousal=arousal),
        uncertainty=0.5,
        quadrants=(0.25, 0.25, 0.25, 0.25),
        moment_seconds=3.0,
        trajectory=((valence, arousal),) * 60,
        opening=(valence, arousal),
        ending=(valence, arousal),
    )


def write_library(index: Path, songs: Sequence[Song], *, generation: str) -> IndexManifest:
    """Write songs as a generation of an index and make it the current one."""
    folder = index / GENERATIONS / generation
    folder.mkdir(parents=True)
    ordered = sorted(songs, key=lambda song: song.path)
    write_songs(folder, ordered)
    faiss.write_index(index_of(ordered), str(folder / VECTORS))
    manifest = IndexManifest(
        format=FORMAT,
        generation=generation,
        created=system_clock(),
        dimension=len(EMOTIONS),
        metric="inner_product",
        labels=BASIC_7,
        songs=len(songs),
        model="made-up",
        model_sha256="",
        music_root=str(index.absolute().parent / "music"),
        files={name: sha256_of(folder / name) for name in FILES},
    )
    publish(index, manifest)
    return manifest


def publish(index: Path, manifest: IndexManifest) -> None:
    """Make a manifest the current one, in one step."""
    beside = index / f"{MANIFEST}.new"
    beside.write_bytes(msgspec.json.encode(manifest))
    os.replace(beside, index / MANIFEST)  # noqa: PTH105 - the step that the layout promises


def song_table(songs: Sequence[Song]) -> SongTable:
    """Return songs as an opened index gives them, from memory and in the order given."""
    database = sqlite3.connect(":memory:", check_same_thread=False)
    return SongTable(fill_table(database, songs), database)


def index_of(songs: Sequence[Song]) -> faiss.IndexIDMap2:
    """Return the FAISS index of songs by their ids."""
    vectors = faiss.IndexIDMap2(faiss.IndexFlatIP(len(EMOTIONS)))
    vectors.add_with_ids(
        np.array([cosine_query(song.emotions) for song in songs], dtype=np.float32),
        np.array([song.id for song in songs], dtype=np.int64),
    )
    return vectors
