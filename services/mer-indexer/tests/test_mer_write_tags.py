import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import mutagen
import pytest
from mer_sounds import FORMATS, analyse_by_name, packets, tone, write_audio

from moodcue.library_index import read_manifest
from moodcue.songs import open_songs
from moodcue_mer_indexer.analysis import Analysed, Failure
from moodcue_mer_indexer.build import BuildReport, build_index
from moodcue_mer_indexer.cli import main
from moodcue_mer_indexer.library import scan_library
from moodcue_mer_indexer.model import shipped_model_folder
from moodcue_mer_indexer.mood_tags import AROUSAL, MOOD, VALENCE, MoodFields
from moodcue_mer_indexer.publish import Origin, publish_index

FIELDS = {MOOD: "Happy", VALENCE: "0.60", AROUSAL: "0.60"}


def analyse(paths: Sequence[Path]) -> Iterator[tuple[Path, Analysed | Failure]]:
    for path in paths:
        yield path, analyse_by_name(path)


def build(music: Path, index: Path) -> BuildReport:
    return build_index(
        music, index=index, model_folder=shipped_model_folder(), workers=1, analyse=analyse
    )


@pytest.fixture
def library(tmp_path: Path) -> tuple[Path, Path]:
    """A song in every format that has tags, and their index."""
    music = tmp_path / "music"
    (music / "ночь").mkdir(parents=True)
    for suffix in FORMATS:
        if suffix != ".aac":
            write_audio(music / "ночь" / f"song{suffix}", sound=tone(seconds=1))
    build(music, tmp_path / "index")
    return music, tmp_path / "index"


def results(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def digests(music: Path) -> dict[str, str]:
    return {
        file.relative: hashlib.sha256(file.path.read_bytes()).hexdigest()
        for file in scan_library(music)
    }


def test_tags_are_written_once_and_no_song_is_analysed_again(
    library: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    music, index = library
    command = ["write-tags", str(music), "--index", str(index)]

    assert main(command) == 0
    first = results(capsys)
    written = digests(music)
    report = build(music, index)
    assert main(command) == 0
    second = results(capsys)

    assert {result["done"] for result in first} == {"written"}
    assert len(first) == len(FORMATS) - 1
    assert all(MoodFields(file.path).read() == FIELDS for file in scan_library(music))
    assert (report.analysed, report.failures) == (0, {})
    assert {result["done"] for result in second} == {"nothing"}
    assert digests(music) == written


def test_what_was_written_can_be_taken_out_again(
    library: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    music, index = library
    command = ["write-tags", str(music), "--index", str(index)]
    main(command)
    results(capsys)

    assert main([*command, "--remove"]) == 0

    assert {result["done"] for result in results(capsys)} == {"removed"}
    assert not any(MoodFields(file.path).read() for file in scan_library(music))
    assert build(music, index).analysed == 0


def test_a_dry_run_changes_nothing(
    library: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    music, index = library
    before = digests(music)

    assert main(["write-tags", str(music), "--index", str(index), "--dry-run"]) == 0

    said = results(capsys)
    assert digests(music) == before
    assert {result["done"] for result in said} == {"nothing yet"}
    assert all(result["fields"] == FIELDS for result in said)


def test_the_copies_of_a_song_are_tagged_with_it(
    library: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    music, index = library
    manifest = read_manifest(index)
    first, second, *_ = open_songs(index, manifest)
    publish_index(
        [msgspec.structs.replace(first, duplicates=(second.path,))],
        index=index,
        origin=Origin(
            music_root=music,
            model=manifest.model,
            model_sha256=manifest.model_sha256,
            content="folded",
        ),
    )

    assert main(["write-tags", str(music), "--index", str(index)]) == 0

    assert [result["path"] for result in results(capsys)] == [first.path, second.path]
    assert MoodFields(music / second.path).read() == FIELDS


def test_no_mood_is_named_that_is_not_sure(library: tuple[Path, Path]) -> None:
    music, index = library

    assert main(["write-tags", str(music), "--index", str(index), "--sure", "0.8"]) == 0

    fields = MoodFields(music / "ночь" / "song.mp3").read()
    assert fields == {VALENCE: "0.60", AROUSAL: "0.60"}


def test_files_that_cannot_be_tagged_are_named_and_the_others_are_tagged(
    library: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    music, index = library
    folder = music / "ночь"
    (folder / "song.flac").chmod(0o444)
    (folder / "song.ogg").unlink()
    tags = mutagen.File(folder / "song.opus")
    tags["title"] = "changed since"
    tags.save()

    assert main(["write-tags", str(music), "--index", str(index)]) == 1

    said = {result["path"]: result for result in results(capsys)}
    assert "read-only" in said["ночь/song.flac"]["error"]
    assert "no longer there" in said["ночь/song.ogg"]["error"]
    assert "changed since it was indexed" in said["ночь/song.opus"]["error"]
    assert said["ночь/song.mp3"]["done"] == "written"
    assert sum("error" in result for result in said.values()) == 3


@pytest.mark.timeout(300)
def test_a_kill_at_any_moment_leaves_every_file_whole(tmp_path: Path) -> None:
    music, index = tmp_path / "music", tmp_path / "index"
    music.mkdir()
    sound = packets(write_audio(music / "00.flac", sound=tone(seconds=1)))
    for number in range(1, 60):
        shutil.copyfile(music / "00.flac", music / f"{number:02}.flac")
    build(music, index)
    command = ["write-tags", str(music), "--index", str(index)]

    process = subprocess.Popen(
        [sys.executable, "-m", "moodcue_mer_indexer", *command], stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        process.kill()

    fields = [MoodFields(file.path).read() for file in scan_library(music)]
    assert fields.count(FIELDS) >= 3
    assert fields.count(FIELDS) + fields.count({}) == 60
    assert all(packets(file.path) == sound for file in scan_library(music))
    assert build(music, index).analysed <= 1
    assert main(command) == 0
    assert all(MoodFields(file.path).read() == FIELDS for file in scan_library(music))
    assert [path.name for path in music.iterdir() if path.name.startswith(".")] == []


def test_the_index_of_another_folder_is_refused(
    library: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, index = library

    assert main(["write-tags", str(tmp_path), "--index", str(index)]) == 1

    assert "give the folder that it was built from" in capsys.readouterr().err
