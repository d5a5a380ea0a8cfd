"""Write a library index beside the current one, then swap the manifest."""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import faiss
import msgspec
import numpy as np
from numpy.typing import NDArray

from moodcue.errors import IndexUnavailableError
from moodcue.identity import Clock, system_clock
from moodcue.library_index import (
    FORMAT,
    GENERATIONS,
    MANIFEST,
    SONGS,
    SONGS_SCHEMA,
    VECTORS,
    IndexManifest,
    Song,
    read_manifest,
    read_songs,
    verify_files,
)
from moodcue.model_folder import sha256_of
from moodcue.taxonomy import BASIC_7, EMOTIONS
from moodcue_mer_indexer.catalog import CATALOG

__all__ = ["check_index_folder", "publish_index", "song_id", "song_vectors"]

_GENERATIONS_KEPT = 2
_PARTIAL = ".partial"


def song_id(relative: str) -> int:
    """Return the stable id of a song: 63 bits of BLAKE2b of its path in the library."""
    digest = hashlib.blake2b(relative.encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def song_vectors(songs: Sequence[Song]) -> NDArray[np.float32]:
    """Return the songs' seven emotions with length 1, so that inner product is cosine.

    Returns:
        Shape ``(songs, 7)``.
    """
    emotions = np.array([song.emotions for song in songs], dtype=np.float32)
    vectors: NDArray[np.float32] = emotions / np.linalg.norm(emotions, axis=1, keepdims=True)
    return vectors


def check_index_folder(index: Path) -> None:
    """Refuse a folder that holds something other than an index of ours.

    Raises:
        IndexUnavailableError: Naming what is in the way.
    """
    if index.exists() and not index.is_dir():
        raise IndexUnavailableError(f"{index} is a file; give a folder for the index")
    if (index / MANIFEST).exists():
        read_manifest(index)
    elif index.is_dir() and any(index.iterdir()) and not (index / CATALOG).exists():
        raise IndexUnavailableError(
            f"{index} holds other files and no index; give an empty or a new folder"
        )


def publish_index(
    songs: Sequence[Song],
    *,
    index: Path,
    music_root: Path,
    model: str,
    model_sha256: str,
    clock: Clock = system_clock,
) -> tuple[IndexManifest, bool]:
    """Make the songs the current index, unless they are already.

    Readers see the old index or the new one and nothing between. The generation before stays,
    for readers that are about to open it; older ones are removed.

    Args:
        songs: At least one, with different ids.
        index: Folder of the index.
        music_root: Folder that the songs' paths are relative to.
        model: Name of the model that read the songs.
        model_sha256: Of its weights.
        clock: UTC, nanoseconds.

    Returns:
        The current manifest, and whether it is new.

    Raises:
        IndexUnavailableError: The folder holds something else.
    """
    check_index_folder(index)
    ordered = sorted(songs, key=lambda song: song.path)
    root = str(music_root.resolve())
    current = _current(index)
    if (
        current is not None
        and current.model_sha256 == model_sha256
        and current.music_root == root
        and _holds(index, current, songs=ordered)
    ):
        return current, False
    created = clock()
    generation = f"{created:020d}"
    files = _write_generation(index / GENERATIONS / generation, songs=ordered)
    manifest = IndexManifest(
        format=FORMAT,
        generation=generation,
        created=created,
        dimension=len(EMOTIONS),
        metric="inner_product",
        labels=BASIC_7,
        songs=len(ordered),
        model=model,
        model_sha256=model_sha256,
        music_root=root,
        files=files,
    )
    _swap_manifest(index, manifest)
    _prune(index / GENERATIONS, current=generation)
    return manifest, True


def _current(index: Path) -> IndexManifest | None:
    return read_manifest(index) if (index / MANIFEST).exists() else None


def _holds(index: Path, manifest: IndexManifest, *, songs: Sequence[Song]) -> bool:
    try:
        verify_files(index, manifest)
        return list(read_songs(index, manifest)) == list(songs)
    except IndexUnavailableError:
        return False


def _write_generation(folder: Path, *, songs: Sequence[Song]) -> dict[str, str]:
    """Write the files of a generation; return the SHA-256 of each."""
    partial = folder.with_name(folder.name + _PARTIAL)
    partial.mkdir(parents=True)
    _write_vectors(partial / VECTORS, songs=songs)
    _write_songs(partial / SONGS, songs=songs)
    for name in (VECTORS, SONGS):
        _flush(partial / name)
    _flush(partial)
    partial.replace(folder)
    _flush(folder.parent)
    return {name: sha256_of(folder / name) for name in (VECTORS, SONGS)}


def _write_vectors(path: Path, *, songs: Sequence[Song]) -> None:
    ids = np.array([song.id for song in songs], dtype=np.int64)
    vectors = faiss.IndexIDMap2(faiss.IndexFlatIP(len(EMOTIONS)))
    vectors.add_with_ids(song_vectors(songs), ids)
    faiss.write_index(vectors, str(path))


def _write_songs(path: Path, *, songs: Sequence[Song]) -> None:
    encode = msgspec.msgpack.encode
    columns = Song.__struct_fields__
    rows = []
    for song in songs:
        values = {name: getattr(song, name) for name in columns}
        values |= {"emotions": encode(song.emotions), "quadrants": encode(song.quadrants)}
        rows.append(values)
    names = ", ".join(columns)
    places = ", ".join(f":{name}" for name in columns)
    with closing(sqlite3.connect(path)) as database:
        database.execute(SONGS_SCHEMA)
        database.executemany(
            f"INSERT INTO songs ({names}) VALUES ({places})",  # noqa: S608 - names of our fields
            rows,
        )
        database.commit()


def _swap_manifest(index: Path, manifest: IndexManifest) -> None:
    temporary = index / f"{MANIFEST}{_PARTIAL}"
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    temporary.write_bytes(text + b"\n")
    _flush(temporary)
    temporary.replace(index / MANIFEST)
    _flush(index)


def _prune(generations: Path, *, current: str) -> None:
    """Remove old generations and what an interrupted build has left."""
    names = sorted(path.name for path in generations.iterdir() if path.is_dir())
    complete = [name for name in names if not name.endswith(_PARTIAL)]
    kept = {current, *complete[-_GENERATIONS_KEPT:]}
    for name in names:
        if name not in kept:
            shutil.rmtree(generations / name, ignore_errors=True)


def _flush(path: Path) -> None:
    """Have the system write a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
