import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fixtures import BrokerProcess, Eventually
from mer_sounds import tone, write_audio

from moodcue.bus import BusAddress, Subscriber
from moodcue.errors import MoodcueError
from moodcue.events import IndexPublished
from moodcue.library_index import read_manifest
from moodcue.songs import open_songs
from moodcue_mer_indexer.app import run
from moodcue_mer_indexer.cli import main
from moodcue_mer_indexer.composer.library import plan_library
from moodcue_mer_indexer.library import LibraryError, LibraryFile
from moodcue_mer_indexer.settings import IndexerSettings
from moodcue_mer_indexer.watch import LibraryWatch, settled

SETTLE_SECONDS = 0.2
PROCESS_SECONDS = 90.0  # a process begins with seconds of imports


class Builder:
    """Notes what it is asked to build with; fails as long as it has errors to raise."""

    def __init__(self, *errors: Exception) -> None:
        self.builds: list[list[str]] = []
        self.errors = list(errors)

    def __call__(self, files: Sequence[LibraryFile], stop: threading.Event) -> None:
        del stop
        self.builds.append([file.relative for file in files])
        if self.errors:
            raise self.errors.pop()


@contextmanager
def watching(
    music: Path,
    build: Callable[[Sequence[LibraryFile], threading.Event], None],
    *,
    rescan_seconds: float = 60,
) -> Iterator[LibraryWatch]:
    """Watch a folder in a thread."""
    watch = LibraryWatch(
        music, build=build, settle_seconds=SETTLE_SECONDS, rescan_seconds=rescan_seconds
    )
    stop = threading.Event()
    thread = threading.Thread(
        target=lambda: watch.run(stop, lambda: None, first=lambda _: None), name="watch"
    )
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    (folder / "ночь").mkdir(parents=True)
    (folder / "ночь" / "a.mp3").write_bytes(b"a")
    return folder


def test_only_files_that_stayed_the_same_are_settled() -> None:
    def file(name: str, size: int) -> LibraryFile:
        return LibraryFile(relative=name, path=Path(name), size=size, mtime_ns=1)

    before = {"same": file("same", 1), "grown": file("grown", 1), "gone": file("gone", 1)}
    now = {"same": file("same", 1), "grown": file("grown", 2), "new": file("new", 1)}

    assert settled(before, now) == [file("same", 1)]


def test_files_that_come_change_and_go_are_built_with(music: Path, eventually: Eventually) -> None:
    builder = Builder()
    with watching(music, builder):
        eventually(lambda: builder.builds == [["ночь/a.mp3"]], "the first build")
        (music / "b.flac").write_bytes(b"b")
        eventually(lambda: builder.builds[-1] == ["b.flac", "ночь/a.mp3"], "a file came")
        (music / "b.flac").write_bytes(b"another")
        eventually(lambda: len(builder.builds) == 3, "a file changed")
        (music / "ночь" / "a.mp3").rename(music / "c.mp3")
        eventually(lambda: builder.builds[-1] == ["b.flac", "c.mp3"], "a file was renamed")
        (music / "b.flac").unlink()
        eventually(lambda: builder.builds[-1] == ["c.mp3"], "a file went")


def test_changes_in_linked_and_in_new_folders_are_seen(music: Path, eventually: Eventually) -> None:
    builder = Builder()
    elsewhere = music.with_name("elsewhere")
    elsewhere.mkdir()
    (music / "link").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(music)
    with watching(music, builder):
        eventually(lambda: builder.builds, "the first build")
        (elsewhere / "b.mp3").write_bytes(b"b")
        eventually(lambda: "link/b.mp3" in builder.builds[-1], "a song in the linked folder")
        deep = music / "new" / "deep"
        deep.mkdir(parents=True)
        (deep / "c.mp3").write_bytes(b"c")
        eventually(lambda: "new/deep/c.mp3" in builder.builds[-1], "a song in the new folder")


def test_what_is_no_music_causes_no_build(music: Path, eventually: Eventually) -> None:
    builder = Builder()
    with watching(music, builder):
        eventually(lambda: builder.builds, "the first build")
        (music / "cover.jpg").write_bytes(b"picture")
        (music / ".hidden.mp3").write_bytes(b"half")
        (music / "b.flac").write_bytes(b"b")
        eventually(lambda: len(builder.builds) > 1, "the second build")

    assert builder.builds == [["ночь/a.mp3"], ["b.flac", "ночь/a.mp3"]]


def test_a_file_waits_until_its_copy_has_ended_and_others_do_not_wait_for_it(
    music: Path, eventually: Eventually
) -> None:
    builder = Builder()
    copied = threading.Event()

    def copy() -> None:
        with (music / "long.wav").open("wb", buffering=0) as file:
            while not copied.wait(SETTLE_SECONDS / 10):
                file.write(b"more")

    copying = threading.Thread(target=copy)
    with watching(music, builder):
        eventually(lambda: builder.builds, "the first build")
        copying.start()
        (music / "short.mp3").write_bytes(b"s")
        eventually(lambda: builder.builds[-1] == ["short.mp3", "ночь/a.mp3"], "the short one")
        assert not any("long.wav" in names for names in builder.builds)
        copied.set()
        copying.join()
        eventually(lambda: "long.wav" in builder.builds[-1], "the long one")


def test_an_emptied_folder_leaves_the_index_and_says_why(
    music: Path, eventually: Eventually
) -> None:
    builder = Builder()
    song = music / "ночь" / "a.mp3"
    with watching(music, builder, rescan_seconds=1) as watch:
        eventually(lambda: builder.builds, "the first build")
        song.rename(music.parent / "a.mp3")
        eventually(lambda: "is it mounted?" in (watch.problem() or ""), "the reason")
        (music.parent / "a.mp3").rename(song)
        eventually(lambda: watch.problem() is None, "all is well again")

    assert builder.builds == [["ночь/a.mp3"]]


def test_a_folder_that_went_is_watched_again_when_it_is_back(
    music: Path, eventually: Eventually
) -> None:
    builder = Builder()
    away = music.with_name("away")
    with watching(music, builder, rescan_seconds=1) as watch:
        eventually(lambda: builder.builds, "the first build")
        music.rename(away)
        eventually(lambda: "is it mounted?" in (watch.problem() or ""), "the reason")
        (away / "new.mp3").write_bytes(b"n")
        away.rename(music)
        eventually(lambda: builder.builds[-1] == ["new.mp3", "ночь/a.mp3"], "it is back")


@pytest.mark.parametrize("error", [MoodcueError("in use"), OSError(28, "No space left on device")])
def test_a_build_that_fails_is_tried_again(
    music: Path, eventually: Eventually, error: Exception
) -> None:
    builder = Builder(error)
    with watching(music, builder, rescan_seconds=1) as watch:
        eventually(lambda: builder.builds, "the first build")
        eventually(lambda: watch.problem() == str(error), "what was wrong")
        eventually(lambda: watch.problem() is None, "all is well")

    assert builder.builds == [["ночь/a.mp3"]] * 2


def test_stopping_does_not_wait_for_a_build(music: Path, eventually: Eventually) -> None:
    building = threading.Event()

    def endless(files: Sequence[LibraryFile], stop: threading.Event) -> None:
        del files
        building.set()
        stop.wait()
        raise MoodcueError("told to stop")

    with watching(music, endless) as watch:
        eventually(building.is_set, "the build")

    assert watch.problem() is None


def patiently(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition holds that a whole process has to bring about."""
    deadline = time.monotonic() + PROCESS_SECONDS
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"did not come true in {PROCESS_SECONDS:g} s: {what}"
        pause.wait(0.02)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def titles(index: Path) -> list[str]:
    return [song.title for song in open_songs(index, read_manifest(index))]


@contextmanager
def indexer(folder: Path, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A real process of the indexer, started as a user does; writes `results` and `log`."""
    variables = {f"MOODCUE_{name}": value for name, value in settings.items()}
    with (folder / "results").open("ab") as results, (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moodcue_mer_indexer", *arguments],
            env={**os.environ, **variables},
            stdout=results,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def watch(music: Path, index: Path) -> tuple[str, ...]:
    where = (str(music), "--index", str(index))
    return ("watch", *where, "--workers", "1", "--settle", str(SETTLE_SECONDS))


def stopped(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    return process.wait(PROCESS_SECONDS)


@pytest.mark.timeout(300)
def test_a_watching_process_keeps_the_index_fresh(
    tmp_path: Path, broker: BrokerProcess, context: Any
) -> None:
    music, index = tmp_path / "music", tmp_path / "index"
    music.mkdir()
    write_audio(music / "one.flac", sound=tone(seconds=2))
    health = broker.address.port + 5

    def page(name: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{health}/{name}", timeout=1) as answer:
            return str(answer.read().decode())

    def healthy() -> bool:
        try:
            return page("readyz") == "ok\n"
        except urllib.error.URLError:
            return False

    with (
        closing(Subscriber(context, broker.address, topics=["index/"])) as news,
        indexer(
            tmp_path,
            *watch(music, index),
            BUS_PORT=str(broker.address.port),
            HEALTH_PORT=str(health),
            MER_INDEXER_ANNOUNCE_SECONDS="5",
        ) as process,
    ):
        patiently(lambda: len(lines(tmp_path / "results")) == 1, "the first build")
        patiently(healthy, "it is ready")
        message = news.receive(5)
        assert message is not None
        assert isinstance(message.event, IndexPublished)
        assert message.event.generation == read_manifest(index).generation

        write_audio(tmp_path / "two.opus", sound=tone(seconds=2)).rename(music / "two.opus")
        (music / "bad.mp3").write_bytes(b"")
        patiently(lambda: titles(index) == ["one", "two"], "a song came")
        patiently(lambda: "bad.mp3" in (tmp_path / "log").read_text(), "the bad file is named")
        patiently(
            lambda: "moodcue_mer_indexer_failed_files 1.0" in page("metrics"), "it is counted"
        )
        (music / "one.flac").unlink()
        patiently(lambda: titles(index) == ["two"], "a song went")
        (music / "two.opus").rename(tmp_path / "two.opus")
        (music / "bad.mp3").unlink()
        patiently(lambda: "is it mounted?" in (tmp_path / "log").read_text(), "nothing is there")
        assert not healthy()
        assert stopped(process) == 0

    assert titles(index) == ["two"]
    builds = lines(tmp_path / "results")
    assert builds[0]["announced"]
    assert sum(build["analysed"] for build in builds) == 2
    assert sum("bad.mp3" in build["failures"] for build in builds) == 1
    skipped = [line for line in lines(tmp_path / "log") if line["event"] == "file.skipped"]
    assert [line["path"] for line in skipped] == ["bad.mp3"]


@pytest.mark.timeout(300)
def test_a_watching_process_that_is_stopped_in_a_build_goes_on_there(
    tmp_path: Path, address: BusAddress
) -> None:
    music, index = tmp_path / "music", tmp_path / "index"
    music.mkdir()
    (music / "a.flac").touch()
    write_audio(music / "b.flac", sound=tone(seconds=900, rate=8000, channels=1), rate=8000)
    log = tmp_path / "log"
    no_broker = {"BUS_PORT": str(address.port), "MER_INDEXER_ANNOUNCE_SECONDS": "0"}

    with indexer(tmp_path, *watch(music, index), **no_broker) as process:
        patiently(lambda: "a.flac" in log.read_text(), "the first file is answered")
        assert stopped(process) == 0
    assert not (tmp_path / "results").read_text()
    write_audio(music / "b.flac", sound=tone(seconds=2))
    with indexer(tmp_path, *watch(music, index), **no_broker) as process:
        patiently(lambda: len(lines(tmp_path / "results")) == 1, "the build")
        assert stopped(process) == 0

    (build,) = lines(tmp_path / "results")
    assert (build["songs"], build["failed"]) == (1, 1)
    skipped = [line for line in lines(log) if line["event"] == "file.skipped"]
    assert [line["path"] for line in skipped] == ["a.flac"]


def test_a_folder_that_is_no_folder_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*watch(tmp_path / "nothing", tmp_path / "index")]) == 1

    assert "is no folder" in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_the_music_of_the_listener_takes_the_place_of_the_composed(
    tmp_path: Path, address: BusAddress
) -> None:
    music, composed, index = (tmp_path / name for name in ("music", "composed", "index"))
    music.mkdir()
    composed.mkdir()
    for piece in plan_library(pieces=4, seed=1):
        write_audio(composed / piece.file_name, sound=tone(seconds=2))
    settings = {
        "MUSIC_DIR": str(music),
        "COMPOSE_DIR": str(composed),
        "INDEX_DIR": str(index),
        "COMPOSE_PIECES": "4",
        "WORKERS": "1",
        "WATCH": "true",
        "SETTLE_SECONDS": str(SETTLE_SECONDS),
        "ANNOUNCE_SECONDS": "0",
    }
    variables = {f"MER_INDEXER_{name}": value for name, value in settings.items()}

    with indexer(tmp_path, "run", BUS_PORT=str(address.port), **variables) as process:
        patiently(lambda: len(lines(tmp_path / "results")) == 1, "the composed library")
        write_audio(tmp_path / "mine.flac", sound=tone(seconds=2)).rename(music / "mine.flac")
        patiently(lambda: len(lines(tmp_path / "results")) == 2, "the listener's")
        assert stopped(process) == 0

    assert [build["songs"] for build in lines(tmp_path / "results")] == [4, 1]
    assert read_manifest(index).music_root == str(music)


@pytest.mark.timeout(300)
def test_run_does_not_take_an_unmounted_library_for_an_empty_one(
    tmp_path: Path, address: BusAddress
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    write_audio(music / "mine.flac", sound=tone(seconds=2))
    settings = IndexerSettings(
        bus_port=address.port,
        music_dir=music,
        index_dir=tmp_path / "index",
        compose_dir=tmp_path / "composed",
        workers=1,
        announce_seconds=0,
    )
    results: list[dict[str, Any]] = []
    run(settings, report=results.append)
    (music / "mine.flac").unlink()

    with pytest.raises(LibraryError, match="is it mounted"):
        run(settings, report=results.append)

    assert len(results) == 1
    assert titles(tmp_path / "index") == ["mine"]
