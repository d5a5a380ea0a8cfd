"""A build is killed with SIGKILL, which nothing can catch, and run again."""

import json
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from mer_sounds import analyse_by_name, tone, write_audio

from moodcue.library_index import (
    GENERATIONS,
    MANIFEST,
    IndexManifest,
    read_manifest,
    verify_files,
)
from moodcue.model_folder import load_manifest
from moodcue.songs import SongTable, open_songs
from moodcue.taxonomy import QUADRANTS
from moodcue_mer_indexer.build import build_index
from moodcue_mer_indexer.catalog import CATALOG, Catalog
from moodcue_mer_indexer.library import scan_library
from moodcue_mer_indexer.model import shipped_model_folder

KILLS = 4
FLUSHES = 7
"""Of a publication: three files, their folder, the folder of generations, manifest, index."""

DIES_AT_A_FLUSH = """
import os, signal, sys
from pathlib import Path
from mer_sounds import analyse_by_name
from moodcue_mer_indexer import build, publish
from moodcue_mer_indexer.model import shipped_model_folder

music, index, last = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
flush, flushed = publish.flush, []

def flush_or_die(path):
    flushed.append(path)
    if len(flushed) == last:
        os.kill(os.getpid(), signal.SIGKILL)
    flush(path)

publish.flush = flush_or_die
build.build_index(
    music, index=index, model_folder=shipped_model_folder(), workers=1,
    analyse=lambda paths: ((path, analyse_by_name(path)) for path in paths),
)
"""


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    for number in range(20):
        path = folder / f"ночь {number // 5}" / f"{number:02d} 夜 ☂.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_audio(path, sound=tone(seconds=4, hertz=200 + 20 * number))
    return folder


def known_files(music: Path, index: Path) -> int:
    """Count the files that the catalog need not see again; it must not be damaged."""
    files = list(scan_library(music))
    sha256 = load_manifest(shipped_model_folder(), labels=QUADRANTS).sha256
    with Catalog(index, model_sha256=sha256) as catalog:
        return len(files) - len(catalog.retain(files))


def readable(index: Path) -> tuple[IndexManifest, SongTable] | None:
    """Return what a reader finds, whole; None before anything was published."""
    if not (index / MANIFEST).exists():
        return None
    manifest = read_manifest(index)
    verify_files(index, manifest)
    table = open_songs(index, manifest)
    assert len(list(table)) == manifest.songs
    return manifest, table


def start_build(music: Path, index: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "moodcue_mer_indexer", "build", str(music)]
    return subprocess.Popen(
        [*command, "--index", str(index), "--workers", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "MOODCUE_MER_INDEXER_ANNOUNCE_SECONDS": "0"},
    )


def build_to_the_end(music: Path, index: Path) -> dict[str, Any]:
    output, _ = start_build(music, index).communicate()
    report: dict[str, Any] = json.loads(output)
    return report


def kill_after(process: "subprocess.Popen[bytes]", log: Path, *, size: int) -> None:
    """Kill a build once the log of its catalog is larger than some bytes, unless it has ended."""
    while process.poll() is None and not (log.exists() and log.stat().st_size > size):
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.01)
    process.kill()
    process.communicate()


def build_here(music: Path, index: Path) -> None:
    build_index(
        music,
        index=index,
        model_folder=shipped_model_folder(),
        workers=1,
        analyse=lambda paths: ((path, analyse_by_name(path)) for path in paths),
    )


def run_script(music: Path, index: Path, *, die_at: int) -> int:
    """Build in a process that dies at a flush; return its exit code."""
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-c", DIES_AT_A_FLUSH, str(music), str(index), str(die_at)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
    ).returncode


@pytest.mark.timeout(400)
def test_a_build_killed_while_it_listens_goes_on_where_it_was(music: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    log = index / f"{CATALOG}-wal"
    chance = random.Random(4)
    known = 0
    for _ in range(KILLS):
        # Every answer that is kept makes the log longer.
        kill_after(start_build(music, index), log, size=chance.randrange(5_000, 40_000))
        readable(index)
        before, known = known, known_files(music, index)
        assert known >= before
    assert known > 0

    report = build_to_the_end(music, index)

    assert (report["songs"], report["unchanged"], report["analysed"]) == (20, known, 20 - known)
    assert readable(index) is not None


@pytest.mark.parametrize("flush", range(1, FLUSHES + 2))
def test_a_build_killed_while_it_publishes_leaves_the_old_index_or_the_new(
    music: Path, tmp_path: Path, flush: int
) -> None:
    index = tmp_path / "index"
    build_here(music, index)
    old = readable(index)
    assert old is not None
    write_audio(music / "new.wav", sound=tone(seconds=1))

    code = run_script(music, index, die_at=flush)

    assert code == (-signal.SIGKILL if flush <= FLUSHES else 0)
    found = readable(index)
    assert found is not None
    assert found[0].songs == (20 if flush < FLUSHES else 21)
    assert known_files(music, index) == 21
    # A reader that is slow to open the index that it has seen before still can.
    assert len(open_songs(index, old[0])) == 20

    build_here(music, index)
    after = readable(index)
    assert after is not None
    assert after[0].songs == 21
    kept = {path.name for path in (index / GENERATIONS).iterdir()}
    assert kept == {old[0].generation, after[0].generation}
