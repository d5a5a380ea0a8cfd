"""Write a library index beside the current one, then swap the manifest."""

import hashlib
import os
import shutil
from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path

import faiss
import msgspec
import numpy as np
from numpy.typing import NDArray

from moodcue.errors import IndexUnavailableError
from moodcue.identity import Clock, system_clock
from moodcue.library_index import (
    FILES,
    FORMAT,
    GENERATIONS,
    MANIFEST,
    VECTORS,
    IndexManifest,
    read_manifest,
    verify_files,
)
from moodcue.model_folder import sha256_of
from moodcue.song_writer import write_songs
from moodcue.songs import Song, SongColumns
from moodcue.taxonomy import BASIC_7, EMOTIONS
from moodcue_mer_indexer.catalog import CATALOG

__all__ = ["check_index_folder", "publish_index", "song_id", "unit_vectors"]

_PARTIAL = ".partial"


def song_id(relative: str) -> int:
    """Return the stable id of a song: 63 bits of BLAKE2b of its path in the library."""
    digest = hashlib.blake2b(relative.encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def unit_vectors(emotions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return emotions ``(songs, 7)`` with length 1, so that inner product is cosine."""
    vectors: NDArray[np.float32] = emotions / np.linalg.norm(emotions, axis=1, keepdims=True)
    return vectors


def check_index_folder(index: Path) -> None:
    """Refuse a folder that holds something other than an index of ours.

    One of an older format is ours: a build replaces it.

    Raises:
        IndexUnavailableError: Naming what is in the way.
    """
    if index.exists() and not index.is_dir():
        raise IndexUnavailableError(f"{index} is a file; give a folder for the index")
    if (index / MANIFEST).exists():
        read_manifest(index, older=True)
    elif index.is_dir() and any(index.iterdir()) and not (index / CATALOG).exists():
        raise IndexUnavailableError(
            f"{index} holds other files and no index; give an empty or a new folder"
        )


def publish_index(
    songs: Iterable[Song],
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
        songs: At least one, in the order of their paths, with different ids; they are taken one
            after another, so that they need not all be in memory.
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
    current = read_manifest(index, older=True) if (index / MANIFEST).exists() else None
    created = clock()
    generation = f"{created:020d}"
    folder = index / GENERATIONS / generation
    partial = folder.with_name(generation + _PARTIAL)
    partial.mkdir(parents=True)
    digest = hashlib.sha256()
    columns = write_songs(partial, _passed_to(digest.update, songs))
    manifest = IndexManifest(
        format=FORMAT,
        generation=generation,
        created=created,
        dimension=len(EMOTIONS),
        metric="inner_product",
        labels=BASIC_7,
        songs=len(columns.ids),
        model=model,
        model_sha256=model_sha256,
        music_root=str(music_root.resolve()),
        files={},
        content=digest.hexdigest(),
        previous=current.generation if current else "",
    )
    if current is not None and _says_the_same(current, manifest, index=index):
        is_new, manifest = False, current
    else:
        _write_vectors(partial / VECTORS, columns)
        _finish(partial, folder)
        files = {name: sha256_of(folder / name) for name in FILES}
        is_new, manifest = True, msgspec.structs.replace(manifest, files=files)
        _swap_manifest(index, manifest)
    _prune(index / GENERATIONS, kept={manifest.generation, manifest.previous})
    return manifest, is_new


def _passed_to(update: Callable[[bytes], None], songs: Iterable[Song]) -> Iterator[Song]:
    """Yield the songs, and give a digest all that they say."""
    encode = msgspec.msgpack.Encoder().encode
    for song in songs:
        update(encode(song))
        yield song


def _says_the_same(current: IndexManifest, new: IndexManifest, *, index: Path) -> bool:
    """Return whether a new generation would give readers nothing that they do not have."""
    for name in ("format", "model_sha256", "music_root", "content"):
        if getattr(current, name) != getattr(new, name):
            return False
    try:
        verify_files(index, current)
    except IndexUnavailableError:
        return False
    return True


def _write_vectors(path: Path, columns: SongColumns) -> None:
    vectors = faiss.IndexIDMap2(faiss.IndexFlatIP(len(EMOTIONS)))
    vectors.add_with_ids(unit_vectors(columns.emotions), columns.ids)
    faiss.write_index(vectors, str(path))


def _finish(partial: Path, folder: Path) -> None:
    """Have a generation on the disk under its name."""
    for name in FILES:
        _flush(partial / name)
    _flush(partial)
    partial.replace(folder)
    _flush(folder.parent)


def _swap_manifest(index: Path, manifest: IndexManifest) -> None:
    temporary = index / f"{MANIFEST}{_PARTIAL}"
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    temporary.write_bytes(text + b"\n")
    _flush(temporary)
    temporary.replace(index / MANIFEST)
    _flush(index)


def _prune(generations: Path, *, kept: Container[str]) -> None:
    """Remove other generations and what an interrupted build has left."""
    for path in list(generations.iterdir()):
        if path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)


def _flush(path: Path) -> None:
    """Have the system write a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
