"""Write a library index beside the current one, then swap the manifest."""

import hashlib
import shutil
from collections.abc import Container, Iterable
from dataclasses import dataclass
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
from moodcue_mer_indexer.durability import flush

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


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What songs were made from; the same makes the same songs.

    Attributes:
        music_root: Folder that the songs' paths are relative to.
        model: Name of the model that read the songs.
        model_sha256: Of its weights.
        content: Digest of all that was found in the files.
    """

    music_root: Path
    model: str
    model_sha256: str
    content: str


def publish_index(
    songs: Iterable[Song], *, index: Path, origin: Origin, clock: Clock = system_clock
) -> tuple[IndexManifest, bool]:
    """Make the songs the current index, unless they are already.

    Readers see the old index or the new one and nothing between. The generation before stays,
    for readers that are about to open it; older ones are removed.

    Args:
        songs: At least one, in the order of their paths, with different ids; they are taken one
            after another, so that they need not all be in memory, and only if they are new.
        index: Folder of the index.
        origin: What the songs were made from.
        clock: UTC, nanoseconds.

    Returns:
        The current manifest, and whether it is new.

    Raises:
        IndexUnavailableError: The folder holds something else.
    """
    check_index_folder(index)
    current = read_manifest(index, older=True) if (index / MANIFEST).exists() else None
    if current is not None and _is_of(origin, current, index=index):
        manifest, is_new = current, False
    else:
        previous = current.generation if current else ""
        manifest = _write_generation(
            songs, index=index, origin=origin, previous=previous, created=clock()
        )
        is_new = True
        _swap_manifest(index, manifest)
    _prune(index / GENERATIONS, kept={manifest.generation, manifest.previous})
    return manifest, is_new


def _is_of(origin: Origin, current: IndexManifest, *, index: Path) -> bool:
    """Return whether the current index is whole and was made from the same."""
    found = (current.format, current.music_root, current.model_sha256, current.content)
    wanted = (FORMAT, str(origin.music_root.resolve()), origin.model_sha256, origin.content)
    if found != wanted:
        return False
    try:
        verify_files(index, current)
    except IndexUnavailableError:
        return False
    return True


def _write_generation(
    songs: Iterable[Song], *, index: Path, origin: Origin, previous: str, created: int
) -> IndexManifest:
    """Have a generation on the disk, and return the manifest that names it."""
    generation = f"{created:020d}"
    folder = index / GENERATIONS / generation
    partial = folder.with_name(generation + _PARTIAL)
    partial.mkdir(parents=True)
    columns = write_songs(partial, songs)
    _write_vectors(partial / VECTORS, columns)
    for name in FILES:
        flush(partial / name)
    flush(partial)
    partial.replace(folder)
    flush(folder.parent)
    return IndexManifest(
        format=FORMAT,
        generation=generation,
        created=created,
        dimension=len(EMOTIONS),
        metric="inner_product",
        labels=BASIC_7,
        songs=len(columns.ids),
        model=origin.model,
        model_sha256=origin.model_sha256,
        music_root=str(origin.music_root.resolve()),
        files={name: sha256_of(folder / name) for name in FILES},
        content=origin.content,
        previous=previous,
    )


def _write_vectors(path: Path, columns: SongColumns) -> None:
    vectors = faiss.IndexIDMap2(faiss.IndexFlatIP(len(EMOTIONS)))
    vectors.add_with_ids(unit_vectors(columns.emotions), columns.ids)
    faiss.write_index(vectors, str(path))


def _swap_manifest(index: Path, manifest: IndexManifest) -> None:
    temporary = index / f"{MANIFEST}{_PARTIAL}"
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    temporary.write_bytes(text + b"\n")
    flush(temporary)
    temporary.replace(index / MANIFEST)
    flush(index)


def _prune(generations: Path, *, kept: Container[str]) -> None:
    """Remove other generations and what an interrupted build has left."""
    for path in list(generations.iterdir()):
        if path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)
