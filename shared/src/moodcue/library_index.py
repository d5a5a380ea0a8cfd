"""The reading side of the published library index.

The indexer writes generations beside each other and swaps the manifest; readers follow it:

    INDEX/manifest.json                     names the generation
    INDEX/generations/<generation>/songs.faiss    inner product over normalised vectors, by song id
    INDEX/generations/<generation>/songs.npy      the songs' numbers, see `moodcue.songs`
    INDEX/generations/<generation>/songs.sqlite   their paths, tags and courses
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from moodcue.errors import IndexUnavailableError
from moodcue.model_folder import sha256_of
from moodcue.taxonomy import BASIC_7, EMOTIONS

MANIFEST = "manifest.json"
GENERATIONS = "generations"
VECTORS = "songs.faiss"
COLUMNS = "songs.npy"
SONGS = "songs.sqlite"
FILES = (VECTORS, COLUMNS, SONGS)
FORMAT = 2


class IndexManifest(msgspec.Struct, frozen=True, kw_only=True):
    """Names the current generation and what it was made with.

    Attributes:
        format: of the files; readers refuse another one.
        generation: name of the folder under `generations/`.
        created: UTC, nanoseconds since 1970.
        dimension: of the vectors.
        metric: of the index; `inner_product` over L2-normalised vectors is cosine similarity.
        labels: label set of the song vectors.
        songs: how many there are.
        model: name of the model that read the songs.
        model_sha256: of its weights.
        music_root: folder that the songs' paths are relative to.
        files: file name to SHA-256, of the generation's files.
        content: digest of all that the songs say, to see whether there is anything new.
        previous: the generation before, kept for readers that are about to open it; "": none.
    """

    format: int
    generation: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
    created: int
    dimension: Annotated[int, Meta(ge=1)]
    metric: Literal["inner_product"]
    labels: str
    songs: Annotated[int, Meta(ge=1)]
    model: str
    model_sha256: str
    music_root: str
    files: dict[str, str]
    content: str = ""
    previous: str = ""


def read_manifest(index: Path, *, older: bool = False) -> IndexManifest:
    """Read which generation is current.

    Args:
        index: folder of the index.
        older: take one of an older format too, for a build that replaces it.

    Raises:
        IndexUnavailableError: if there is none, or it is not one that this version can use.
    """
    path = index / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=IndexManifest)
    except OSError as error:
        raise IndexUnavailableError(
            f"no index at {path}: {error.strerror}; build one: "
            f"moodcue-mer-indexer build MUSIC --index {index}"
        ) from error
    except msgspec.DecodeError as error:
        raise IndexUnavailableError(f"{path} is not an index manifest: {error}") from error
    _refuse_foreign(manifest, path, older=older)
    return manifest


def _refuse_foreign(manifest: IndexManifest, path: Path, *, older: bool) -> None:
    for name, found, needed in (
        ("format", max(manifest.format, FORMAT) if older else manifest.format, FORMAT),
        ("label set", manifest.labels, BASIC_7),
        ("dimension", manifest.dimension, len(EMOTIONS)),
    ):
        if found != needed:
            raise IndexUnavailableError(
                f"{path} has the {name} {found!r}, needed is {needed!r}; build the index again"
            )


def generation_folder(index: Path, manifest: IndexManifest) -> Path:
    """Return the folder of the manifest's generation."""
    return index / GENERATIONS / manifest.generation


def verify_files(index: Path, manifest: IndexManifest) -> None:
    """Check the generation's files against the manifest.

    Raises:
        IndexUnavailableError: naming the file that is missing or changed.
    """
    folder = generation_folder(index, manifest)
    for name in FILES:
        try:
            digest = sha256_of(folder / name)
        except OSError as error:
            raise IndexUnavailableError(f"{folder / name}: {error.strerror}") from error
        if digest != manifest.files.get(name):
            raise IndexUnavailableError(
                f"{folder / name} is not the file that the manifest names; build the index again"
            )
