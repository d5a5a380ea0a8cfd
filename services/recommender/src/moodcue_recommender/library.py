"""The listener's library in memory: the songs and their vectors, loaded from a published index."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import faiss
import numpy as np
from numpy.typing import NDArray

from moodcue.errors import IndexUnavailableError
from moodcue.library_index import (
    VECTORS,
    IndexManifest,
    generation_folder,
    read_manifest,
    verify_files,
)
from moodcue.songs import SongTable, open_songs

_NORM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Library:
    """One generation of the index. Immutable, so that threads may share it.

    Attributes:
        manifest: what the index says of itself.
        songs: their numbers, and what else is known of them.
        vectors: FAISS `IndexIDMap2` over `IndexFlatIP`, seven dimensions, by song id.
    """

    manifest: IndexManifest
    songs: SongTable
    vectors: faiss.IndexIDMap2

    @classmethod
    def load(cls, index: Path, manifest: IndexManifest | None = None) -> Self:
        """Load and check a generation.

        Args:
            index: folder of the index.
            manifest: of the generation; default: the one that is current.

        Raises:
            IndexUnavailableError: if it is missing, damaged, or not one that can be used.
        """
        manifest = manifest or read_manifest(index)
        index = index.absolute()
        verify_files(index, manifest)
        path = generation_folder(index, manifest) / VECTORS
        vectors = _read_vectors(path, manifest)
        songs = open_songs(index, manifest)
        if not np.array_equal(songs.ids, faiss.vector_to_array(vectors.id_map)):
            raise IndexUnavailableError(
                f"{path} and the songs beside it are not the same; build the index again"
            )
        return cls(manifest, songs, vectors)

    def nearest(self, query: NDArray[np.float64], count: int) -> list[int]:
        """Return the ids of the songs with the highest inner product, fewer if there are fewer.

        Args:
            query: unit vector, shape (7,).
            count: how many, at least 1.
        """
        wanted = min(count, len(self.songs))
        _, ids = self.vectors.search(query[np.newaxis].astype(np.float32), wanted)
        return [int(song) for song in ids[0]]

    def vector(self, song: int) -> NDArray[np.float64]:
        """Return the unit vector, shape (7,), of a song by its id."""
        return np.asarray(self.vectors.reconstruct(song), dtype=np.float64)


def _read_vectors(path: Path, manifest: IndexManifest) -> faiss.IndexIDMap2:
    try:
        vectors = faiss.read_index(str(path))
    except RuntimeError as error:
        raise IndexUnavailableError(
            f"{path} is not a FAISS index; build the index again"
        ) from error
    if not isinstance(vectors, faiss.IndexIDMap2) or not isinstance(
        faiss.downcast_index(vectors.index), faiss.IndexFlatIP
    ):
        raise IndexUnavailableError(
            f"{path} is not a flat inner product index by song id; build the index again"
        )
    if vectors.d != manifest.dimension or vectors.ntotal != manifest.songs:
        raise IndexUnavailableError(
            f"{path} holds {vectors.ntotal} vectors of dimension {vectors.d}, its manifest says "
            f"{manifest.songs} of dimension {manifest.dimension}; build the index again"
        )
    # The sub-index is read through a name of its own: it lives as long as `vectors`.
    flat = faiss.downcast_index(vectors.index)
    norms = np.linalg.norm(flat.reconstruct_n(0, vectors.ntotal), axis=1)
    if not np.allclose(norms, 1, atol=_NORM_TOLERANCE):
        raise IndexUnavailableError(
            f"{path} holds vectors whose length is not 1; build the index again"
        )
    return vectors
