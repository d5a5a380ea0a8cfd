"""Build the index of a music folder: scan, analyse what is new, publish."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from moodcue.library_index import IndexManifest, Song
from moodcue.model_folder import load_manifest
from moodcue.taxonomy import QUADRANTS
from moodcue_mer_indexer.analysis import Analysed, Failure, analyse_files
from moodcue_mer_indexer.audio import AUDIO_SUFFIXES
from moodcue_mer_indexer.catalog import Catalog, Finding
from moodcue_mer_indexer.emotion import summarise
from moodcue_mer_indexer.library import LibraryError, LibraryFile, scan_library
from moodcue_mer_indexer.progress import show_progress
from moodcue_mer_indexer.publish import check_index_folder, publish_index, song_id

__all__ = ["BuildReport", "build_index"]

log = structlog.get_logger(__name__)

Analyse = Callable[[Sequence[Path]], Iterator[tuple[Path, Analysed | Failure]]]


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What a build did.

    Attributes:
        manifest: Of the index that is now current.
        published: Whether it is new; False when nothing had changed.
        analysed: Files that were analysed.
        unchanged: Files whose earlier findings were used.
        failures: Relative path and reason of every file that cannot be used.
    """

    manifest: IndexManifest
    published: bool
    analysed: int
    unchanged: int
    failures: dict[str, str]


def build_index(
    music: Path,
    *,
    index: Path,
    model_folder: Path,
    workers: int,
    analyse: Analyse | None = None,
) -> BuildReport:
    """Bring the index of a music folder up to date.

    Args:
        music: Folder of the library.
        index: Folder of the index.
        model_folder: Of the model.
        workers: Processes that analyse.
        analyse: Instead of `analyse_files` with the model.

    Raises:
        LibraryError: The folder is missing or holds no song that can be used.
        ModelError: The model cannot be used.
        IndexUnavailableError: The index folder holds something else.
        CatalogError: Another build is running.
    """
    model = load_manifest(model_folder, labels=QUADRANTS)
    files = list(scan_library(music))
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
        findings, failures, analysed = _find(files, catalog=catalog, analyse=analyse)
        catalog.forget_others(file.relative for file in files)
        if not findings:
            raise LibraryError(
                f"none of the {len(files)} files in {music} can be used; the first: "
                f"{next(iter(failures.items()))}; see the log for the others"
            )
        manifest, published = publish_index(
            [_song(relative, finding) for relative, finding in findings.items()],
            index=index,
            music_root=music,
            model=model.name,
            model_sha256=model.sha256,
        )
    return BuildReport(
        manifest=manifest,
        published=published,
        analysed=analysed,
        unchanged=len(files) - analysed - len(failures),
        failures=failures,
    )


def _find(
    files: Sequence[LibraryFile], *, catalog: Catalog, analyse: Analyse
) -> tuple[dict[str, Finding], dict[str, str], int]:
    """Return the findings and the failures by relative path, and how many findings are new."""
    findings: dict[str, Finding] = {}
    failures: dict[str, str] = {}
    missing: list[LibraryFile] = []
    for file in files:
        if not _is_text(file.relative):
            failures[ascii(file.relative)] = "its name is not valid UTF-8; rename it"
        elif (known := catalog.find(file)) is not None:
            findings[file.relative] = known
        else:
            missing.append(file)
    for relative, reason in failures.items():
        log.warning("file skipped", path=relative, reason=reason)
    known_count = len(findings)
    for file, answer in _answers(missing, analyse=analyse):
        if isinstance(answer, Failure):
            log.warning("file skipped", path=file.relative, reason=answer.reason)
            failures[file.relative] = answer.reason
        else:
            finding = Finding(tags=answer.tags, quadrants=answer.emotion.quadrants)
            catalog.keep(file, finding)
            findings[file.relative] = finding
    return findings, failures, len(findings) - known_count


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


def _song(relative: str, finding: Finding) -> Song:
    emotion = summarise([finding.quadrants], patch_seconds=1)
    return Song(
        id=song_id(relative),
        path=relative,
        title=finding.tags.title,
        artist=finding.tags.artist,
        album=finding.tags.album,
        duration_seconds=finding.tags.duration_seconds,
        valence=emotion.valence,
        arousal=emotion.arousal,
        emotions=emotion.emotions,
        quadrants=emotion.quadrants,
    )
