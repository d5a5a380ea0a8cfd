"""Write what an index says into the tags of its music files, or take it out again."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog

from moodcue.errors import IndexUnavailableError
from moodcue.library_index import read_manifest
from moodcue.songs import Song, open_songs
from moodcue_mer_indexer.catalog import Catalog
from moodcue_mer_indexer.library import LibraryFile, library_file
from moodcue_mer_indexer.mood_tags import FIELDS, MoodFields, TagError, mood_fields
from moodcue_mer_indexer.moods import is_sure
from moodcue_mer_indexer.progress import show_progress
from moodcue_mer_indexer.rewrite import rewrite_mood

_log = structlog.get_logger(__name__)


def write_tags(
    music: Path, *, index: Path, sure: float, remove: bool, dry_run: bool
) -> Iterator[dict[str, Any]]:
    """Write mood, valence and arousal into the files of a library.

    The catalog takes the changed files for the ones that it knows, so that none is analysed again.

    Args:
        music: Folder of the library.
        index: Folder of its index.
        sure: Least probability of a song's quadrant for which its mood is written.
        remove: Take out what was written, instead.
        dry_run: Only say what would be done.

    Yields:
        For each file what was done, fit for JSON: `path`, `done` and the fields, or `error`.

    Raises:
        IndexUnavailableError: There is no index, or it is one of another folder.
        CatalogError: A build is running.
    """
    manifest = read_manifest(index)
    if manifest.music_root != str(music.resolve()):
        raise IndexUnavailableError(
            f"{index} is the index of {manifest.music_root}, not of {music}; give the folder that "
            "it was built from"
        )
    songs = open_songs(index, manifest)
    _log.info(
        "tags.removing" if remove else "tags.writing",
        detail="nothing else in the files is changed",
        fields=FIELDS,
        songs=len(songs),
        folder=str(music),
        only_said=dry_run,
    )
    with Catalog(index, model_sha256=manifest.model_sha256) as catalog:
        for song in show_progress(songs, total=len(songs), label="Tagging"):
            fields = {} if remove else _fields(song, sure=sure)
            for relative in (song.path, *song.duplicates):
                result = _tag(
                    music / relative, fields, root=music, catalog=catalog, dry_run=dry_run
                )
                yield {"path": relative, **result}


def _fields(song: Song, *, sure: float) -> dict[str, str]:
    named = is_sure(song.quadrants, least=sure)
    return mood_fields(valence=song.valence, arousal=song.arousal, sure=named)


def _tag(
    path: Path, fields: Mapping[str, str], *, root: Path, catalog: Catalog, dry_run: bool
) -> dict[str, Any]:
    try:
        before = _as_indexed(path, root=root, catalog=catalog)
        tags = MoodFields(path)
        foreign = tags.foreign_mood()
        said = {"fields": dict(fields), **({"mood_kept": foreign} if foreign else {})}
        if tags.has(fields):
            return {"done": "nothing", **said}
        if dry_run:
            return {"done": "nothing yet", **said}
        rewrite_mood(path, fields)
        after = library_file(path, root=root)
        if after is not None:
            catalog.follow(before, after)
    except TagError as error:
        return {"error": str(error)}
    return {"done": "written" if fields else "removed", **said}


def _as_indexed(path: Path, *, root: Path, catalog: Catalog) -> LibraryFile:
    file = library_file(path, root=root)
    if file is None:
        raise TagError("it is no longer there; build the index again")
    if not catalog.knows(file):
        raise TagError("it was changed since it was indexed; build the index again")
    return file
