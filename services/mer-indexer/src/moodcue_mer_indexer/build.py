"""Build the index of a music folder: scan, analyse what is new, publish."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from moodcue.library_index import IndexManifest
from moodcue.model_folder import load_manifest
from moodcue.songs import Song
from moodcue.taxonomy import QUADRANTS
from moodcue_mer_indexer.analysis import BAD_NAME, Analysed, Failure, analyse_files
from moodcue_mer_indexer.audio import AUDIO_SUFFIXES
from moodcue_mer_indexer.catalog import Catalog
from moodcue_mer_indexer.duplicates import find_duplicates
from moodcue_mer_indexer.emotion import Moment
from moodcue_mer_indexer.library import LibraryError, LibraryFile, scan_library
from moodcue_mer_indexer.progress import show_progress
from moodcue_mer_indexer.publish import Origin, check_index_folder, publish_index, song_id

_log = structlog.get_logger(__name__)

_END_SECONDS = 20.0
"""How much of a song is its opening, and its ending: about as long as a fade."""

Analyse = Callable[[Sequence[Path]], Iterator[tuple[Path, Analysed | Failure]]]


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What a build did.

    Attributes:
        manifest: Of the index that is now current.
        published: Whether it is new; False when nothing had changed.
        analysed: Files that were analysed.
        unchanged: Files whose earlier findings were used.
        folded: Files that are no songs of their own, as a better one has the same recording.
        failures: By relative path, why a file cannot be used.
    """

    manifest: IndexManifest
    published: bool
    analysed: int
    unchanged: int
    folded: int
    failures: dict[str, Failure]


def build_index(
    music: Path,
    *,
    index: Path,
    model_folder: Path,
    workers: int,
    files: Sequence[LibraryFile] | None = None,
    analyse: Analyse | None = None,
) -> BuildReport:
    """Bring the index of a music folder up to date.

    Args:
        music: Folder of the library.
        index: Folder of the index.
        model_folder: Of the model.
        workers: Processes that analyse.
        files: The files of the folder to use; none: all.
        analyse: Instead of `analyse_files` with the model.

    Raises:
        LibraryError: The folder is missing or holds no song that can be used.
        ModelError: The model cannot be used.
        IndexUnavailableError: The index folder holds something else.
        CatalogError: Another build is running.
    """
    model = load_manifest(model_folder, labels=QUADRANTS)
    files = list(scan_library(music) if files is None else files)
    if not files:
        raise LibraryError(
            f"{music} holds no music ({', '.join(sorted(AUDIO_SUFFIXES))}); copy some there, or "
            f"let the composer make some: moodcue-mer-indexer compose {music}"
        )
    check_index_folder(index)
    if analyse is None:

        def analyse(paths: Sequence[Path]) -> Iterator[tuple[Path, Analysed | Failure]]:
            return analyse_files(paths, model_folder=model_folder, workers=workers)

    with Catalog(index, model_sha256=model.sha256) as catalog:
        failures, analysed = _find(files, catalog=catalog, analyse=analyse)
        if len(failures) == len(files):
            raise LibraryError(
                f"none of the {len(files)} files in {music} can be used, for instance: "
                + "; ".join(
                    f"{path}: {failure.reason}; {failure.remedy}"
                    for path, failure in list(failures.items())[:3]
                )
            )
        manifest, published = publish_index(
            _songs(catalog),
            index=index,
            origin=Origin(
                music_root=music,
                model=model.name,
                model_sha256=model.sha256,
                content=catalog.digest(),
            ),
        )
    usable = len(files) - len(failures)
    return BuildReport(
        manifest=manifest,
        published=published,
        analysed=analysed,
        unchanged=usable - analysed,
        folded=usable - manifest.songs,
        failures=failures,
    )


def _find(
    files: Sequence[LibraryFile], *, catalog: Catalog, analyse: Analyse
) -> tuple[dict[str, Failure], int]:
    """Bring the catalog up to date.

    Returns:
        The failures by relative path, and how many usable files were analysed.
    """
    failures = {ascii(file.relative): BAD_NAME for file in files if not _is_text(file.relative)}
    missing = catalog.retain(file for file in files if _is_text(file.relative))
    failures |= dict(catalog.failures())
    analysed = 0
    for file, answer in _answers(missing, analyse=analyse):
        if isinstance(answer, Failure):
            _warn(file.relative, answer)
            failures[file.relative] = answer
        else:
            analysed += 1
        if isinstance(answer, Analysed) or answer.lasting:
            catalog.keep(file, answer)
    return failures, analysed


def _warn(relative: str, failure: Failure) -> None:
    _log.warning(
        "file.skipped",
        path=relative,
        kind=failure.kind,
        reason=failure.reason,
        remedy=failure.remedy,
    )


def _answers(
    files: Sequence[LibraryFile], *, analyse: Analyse
) -> Iterable[tuple[LibraryFile, Analysed | Failure]]:
    if not files:
        return
    answers = show_progress(
        analyse([file.path for file in files]), total=len(files), label="Listening"
    )
    for file, (_, answer) in zip(files, answers, strict=True):
        yield file, answer


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _songs(catalog: Catalog) -> Iterator[Song]:
    """Yield the songs of the usable files; those of a recording are compared at the first."""
    duplicates = find_duplicates(catalog.analysed())
    folded = {path for others in duplicates.values() for path in others}
    for relative, found in catalog.analysed():
        if relative not in folded:
            yield _song(relative, found, duplicates=duplicates.get(relative, ()))


def _song(relative: str, found: Analysed, *, duplicates: tuple[str, ...]) -> Song:
    emotion = found.emotion
    moments = emotion.trajectory
    return Song(
        id=song_id(relative),
        path=relative,
        title=found.tags.title,
        artist=found.tags.artist,
        album=found.tags.album,
        duration_seconds=found.tags.duration_seconds,
        valence=emotion.valence,
        arousal=emotion.arousal,
        uncertainty=emotion.uncertainty,
        emotions=emotion.emotions,
        quadrants=emotion.quadrants,
        moment_seconds=moments[1].seconds - moments[0].seconds if len(moments) > 1 else 0,
        trajectory=tuple((moment.valence, moment.arousal) for moment in moments),
        opening=_mean(m for m in moments if m.seconds < _END_SECONDS),
        ending=_mean(m for m in moments if m.seconds > moments[-1].seconds - _END_SECONDS),
        tags=found.tags.more,
        duplicates=duplicates,
    )


def _mean(moments: Iterable[Moment]) -> tuple[float, float]:
    points = [(moment.valence, moment.arousal) for moment in moments]
    valence, arousal = (sum(values) / len(points) for values in zip(*points, strict=True))
    return valence, arousal
