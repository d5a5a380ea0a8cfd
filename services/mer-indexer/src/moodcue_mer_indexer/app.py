"""Put the parts together: settings, composer, build, announcement."""

from pathlib import Path
from typing import Any

import structlog

from moodcue.bus import BusAddress
from moodcue.logs import configure_logging
from moodcue_mer_indexer.announce import announce
from moodcue_mer_indexer.build import build_index
from moodcue_mer_indexer.composer.library import compose_library, plan_library
from moodcue_mer_indexer.library import scan_library
from moodcue_mer_indexer.model import shipped_model_folder
from moodcue_mer_indexer.progress import show_progress
from moodcue_mer_indexer.settings import IndexerSettings

__all__ = ["build_and_announce", "run"]

log = structlog.get_logger(__name__)


def run(settings: IndexerSettings) -> dict[str, Any]:
    """Do the service's job once: compose if there is no music, build, publish, announce.

    Raises:
        MoodcueError: Any part cannot do its work; the text names the remedy.
    """
    configure_logging(service="mer-indexer", instance=settings.instance, level=settings.log_level)
    log.info("service.started", **settings.masked())
    return build_and_announce(
        _music_folder(settings),
        index=settings.index_dir,
        model_folder=settings.model_dir or shipped_model_folder(),
        workers=settings.workers,
        address=settings.bus_address(),
        announce_seconds=settings.announce_seconds,
    )


def build_and_announce(
    music: Path,
    *,
    index: Path,
    model_folder: Path,
    workers: int,
    address: BusAddress,
    announce_seconds: float,
) -> dict[str, Any]:
    """Build the index, tell the broker if it is new, and return a summary fit for JSON."""
    report = build_index(music, index=index, model_folder=model_folder, workers=workers)
    announced = report.published and announce(
        report.manifest, address=address, timeout_seconds=announce_seconds
    )
    return {
        "index": str(index),
        "generation": report.manifest.generation,
        "songs": report.manifest.songs,
        "published": report.published,
        "announced": announced,
        "analysed": report.analysed,
        "unchanged": report.unchanged,
        "failed": len(report.failures),
        "failures": report.failures,
    }


def _music_folder(settings: IndexerSettings) -> Path:
    """Return the listener's folder, or where the composed library is if that holds no music."""
    music = settings.music_dir
    if music is not None:
        if not settings.compose_if_empty or any(scan_library(music)):
            return music
        log.warning("music.missing", folder=str(music), instead=str(settings.compose_dir))
    _compose(settings)
    return settings.compose_dir


def _compose(settings: IndexerSettings) -> None:
    """Compose what is missing of the library."""
    planned = plan_library(pieces=settings.compose_pieces, seed=settings.compose_seed)
    folder = settings.compose_dir
    there = {file.relative for file in scan_library(folder)} if folder.is_dir() else set()
    if there >= {piece.file_name for piece in planned}:
        return
    composed = compose_library(
        folder,
        pieces=settings.compose_pieces,
        seed=settings.compose_seed,
        workers=settings.workers,
    )
    for piece, _ in show_progress(composed, total=len(planned), label="Composing"):
        log.debug("piece composed", file=piece.file_name)
