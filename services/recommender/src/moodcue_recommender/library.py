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
from moodcue_recommender.vectors import Matching, song_vectors

_NORM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Library:
    """One generation of the index. Immutable, so that threads may share it.

    Attributes:
        manifest: what the index says of itself.
        songs: their numbers, and what else is known of them.
        matching: how songs are compared with what is asked for.
        vectors: unit vectors of the songs by place, shape (n, d).
        index: FAISS inner product over `vectors`.
    """

    manifest: IndexManifest
    songs: SongTable
    matching: Matching
    vectors: NDArray[np.float32]
    index: faiss.IndexFlatIP

    @classmethod
    def load(
        cls,
        index: Path,
        manifest: IndexManifest | None = None,
        *,
        matching: Matching = Matching.PLANE,
    ) -> Self:
        """Load and check a generation.

        Args:
            index: folder of the index.
            manifest: of the generation; default: the one that is current.
            matching: how songs are to be compared.

        Raises:
            IndexUnavailableError: if it is missing, damaged, or not one that can be used.
        """
        manifest = manifest or read_manifest(index)
        index = index.absolute()
        verify_files(index, manifest)
        path = generation_folder(index, manifest) / VECTORS
        published = _read_vectors(path, manifest)
        songs = open_songs(index, manifest)
        if not np.array_equal(songs.ids, faiss.vector_to_array(published.id_map)):
            raise IndexUnavailableError(
                f"{path} and the songs beside it are not the same; build the index again"
            )
        return cls.of(manifest, songs, matching=matching)

    @classmethod
    def of(cls, manifest: IndexManifest, songs: SongTable, *, matching: Matching) -> Self:
        """Make a library of songs that are loaded."""
        vectors = song_vectors(songs, matching)
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return cls(manifest, songs, matching, vectors, index)

    def nearest(
        self, query: NDArray[np.float64], count: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Find the songs with the highest inner product; fewer if there are fewer.

        Args:
            query: unit vector, shape (d,).
            count: how many, at least 1.

        Returns:
            Their places and their products, best first; equal ones in the order of their ids.
        """
        wanted = min(count, len(self.songs))
        _, found = self.index.search(query[np.newaxis].astype(np.float32), wanted)
        # Rounding may carry the product of two unit vectors a little beyond 1.
        products = np.clip(self.vectors[found[0]].astype(np.float64) @ query, -1, 1)
        order = np.lexsort((self.songs.ids[found[0]], -products))
        return found[0][order], products[order]


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
