"""The reading side of the published library index.

The indexer writes generations beside each other and swaps the manifest; readers follow it:

    INDEX/manifest.json                     names the generation
    INDEX/generations/<generation>/songs.faiss    inner product over normalised vectors, by song id
    INDEX/generations/<generation>/songs.sqlite   title, artist, path and emotion of every song
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from moodcue.errors import IndexUnavailableError
from moodcue.events import Seven, SignedUnit
from moodcue.model_folder import sha256_of
from moodcue.taxonomy import BASIC_7, EMOTIONS

MANIFEST = "manifest.json"
GENERATIONS = "generations"
VECTORS = "songs.faiss"
SONGS = "songs.sqlite"
FORMAT = 1

SONGS_SCHEMA = """
CREATE TABLE songs (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    artist TEXT NOT NULL,
    album TEXT NOT NULL,
    duration_seconds REAL NOT NULL,
    valence REAL NOT NULL,
    arousal REAL NOT NULL,
    emotions BLOB NOT NULL,
    quadrants BLOB NOT NULL
) STRICT
"""
"""`emotions` and `quadrants` are MessagePack arrays of 7 and 4 probabilities."""


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


class Song(msgspec.Struct, frozen=True, kw_only=True):
    """A song of the library as the index knows it."""

    id: Annotated[int, Meta(ge=0, description="stable: 63 bits of a hash of the path")]
    path: Annotated[str, Meta(description="relative to the music root, with slashes")]
    title: str
    artist: str
    album: str = ""
    duration_seconds: Annotated[float, Meta(ge=0)]
    valence: SignedUnit
    arousal: SignedUnit
    emotions: Seven
    quadrants: tuple[float, ...]

    @property
    def key(self) -> str:
        """The id as 16 hex digits, as events carry it."""
        return f"{self.id:016x}"


def read_manifest(index: Path) -> IndexManifest:
    """Read which generation is current.

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
    _refuse_foreign(manifest, path)
    return manifest


def _refuse_foreign(manifest: IndexManifest, path: Path) -> None:
    for name, found, needed in (
        ("format", manifest.format, FORMAT),
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
    for name in (VECTORS, SONGS):
        try:
            digest = sha256_of(folder / name)
        except OSError as error:
            raise IndexUnavailableError(f"{folder / name}: {error.strerror}") from error
        if digest != manifest.files.get(name):
            raise IndexUnavailableError(
                f"{folder / name} is not the file that the manifest names; build the index again"
            )


def read_songs(index: Path, manifest: IndexManifest) -> Iterator[Song]:
    """Yield all songs of a generation, in the order of their paths.

    Raises:
        IndexUnavailableError: if the file is missing or damaged.
    """
    path = generation_folder(index, manifest) / SONGS
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            for row in database.execute("SELECT * FROM songs ORDER BY path"):
                yield _song(row)
    except (sqlite3.Error, msgspec.DecodeError) as error:
        raise IndexUnavailableError(f"{path} cannot be read: {error}") from error


def _song(row: sqlite3.Row) -> Song:
    values = dict(row)
    values["emotions"] = msgspec.msgpack.decode(values["emotions"])
    values["quadrants"] = msgspec.msgpack.decode(values["quadrants"])
    return msgspec.convert(values, Song)
