import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest

from moodcue.errors import IndexUnavailableError
from moodcue.library_index import (
    FILES,
    IndexManifest,
    generation_folder,
    read_manifest,
    verify_files,
)
from moodcue.model_folder import sha256_of
from moodcue.song_writer import write_songs
from moodcue.songs import Song, Tags, open_songs


def song(number: int, path: str, **changes: object) -> Song:
    made = Song(
        id=number,
        path=path,
        title="Título",
        artist="A",
        duration_seconds=40.0,
        valence=0.5,
        arousal=-0.5,
        uncertainty=0.25,
        emotions=(0, 0, 0, 0, 0, 0, 1),
        quadrants=(0, 0, 0, 1),
        moment_seconds=3.0,
        trajectory=((0.5, -1.0), (1.0, 0.0)),
        opening=(0.5, -1.0),
        ending=(1.0, 0.0),
        tags=Tags(genre="Blues", year=1959),
        duplicates=("ä/b.flac",),
    )
    return msgspec.structs.replace(made, **changes)


SONGS = [song(255, "ä/b.mp3"), song(3, "ä/c.mp3", title="Other"), song(77, "ночь 夜.wav")]


def write_index(index: Path, **changes: object) -> IndexManifest:
    manifest = IndexManifest(
        format=2,
        generation="g1",
        created=0,
        dimension=7,
        metric="inner_product",
        labels="basic-7",
        songs=len(SONGS),
        model="m",
        model_sha256="",
        music_root="/music",
        files={},
    )
    folder = generation_folder(index, manifest)
    folder.mkdir(parents=True)
    (folder / "songs.faiss").write_bytes(b"vectors")
    write_songs(folder, SONGS)
    files = {name: sha256_of(folder / name) for name in FILES}
    manifest = msgspec.structs.replace(manifest, files=files)
    manifest = msgspec.structs.replace(manifest, **changes)
    (index / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    return manifest


def test_a_published_index_reads_back(tmp_path: Path) -> None:
    write_index(tmp_path)

    manifest = read_manifest(tmp_path)
    verify_files(tmp_path, manifest)
    table = open_songs(tmp_path, manifest)

    assert table.ids.tolist() == [255, 3, 77]
    assert table.emotions.shape == (3, 7)
    assert (table.opening.tolist()[0], table.ending.tolist()[0]) == ([0.5, -1.0], [1.0, 0.0])
    assert [one.path for one in table] == [one.path for one in SONGS]
    read = table.song(255)
    assert read.key == "00000000000000ff"
    assert read.trajectory == pytest.approx(np.array(SONGS[0].trajectory), abs=0.005)
    assert msgspec.structs.replace(read, trajectory=SONGS[0].trajectory) == SONGS[0]


def test_a_song_that_is_not_there_is_a_key_error(tmp_path: Path) -> None:
    table = open_songs(tmp_path, write_index(tmp_path))

    for missing in (0, 4, 256, 2**63 - 1, 2**64 - 1, -1):
        assert missing not in table
        with pytest.raises(KeyError):
            table.song(missing)


def test_songs_are_found_by_all_words_in_any_case(tmp_path: Path) -> None:
    table = open_songs(tmp_path, write_index(tmp_path))

    def paths(query: str, first: int = 0, count: int = 10) -> tuple[int, list[str]]:
        total, songs = table.search(query, first, count)
        return total, [one.path for one in songs]

    assert paths("TÍTULO Ä/") == (1, ["ä/b.mp3"])
    assert paths("НОЧЬ") == (1, ["ночь 夜.wav"])
    assert paths("a", first=1, count=1) == (3, ["ä/c.mp3"])
    assert paths("", first=2) == (3, ["ночь 夜.wav"])
    assert paths("") == paths("  ") == (3, [one.path for one in SONGS])
    assert paths("%' OR 1 --") == (0, [])
    assert paths("", first=2**70) == (3, [])


def test_a_table_is_read_by_threads_and_after_its_files_are_gone(tmp_path: Path) -> None:
    manifest = write_index(tmp_path)
    table = open_songs(tmp_path, manifest)
    shutil.rmtree(generation_folder(tmp_path, manifest))

    with ThreadPoolExecutor(8) as threads:
        read = list(threads.map(table.song, [255, 3, 77] * 100))

    assert [one.id for one in read] == [255, 3, 77] * 100


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 1}, "format 1"),
        ({"format": 3}, "format 3"),
        ({"labels": "geneva-9"}, "geneva-9"),
        ({"dimension": 9}, "dimension 9"),
        ({"metric": "l2"}, "not an index manifest"),
        ({"generation": "../../etc"}, "not an index manifest"),
    ],
)
def test_a_foreign_index_is_refused(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    write_index(tmp_path, **changes)

    with pytest.raises(IndexUnavailableError, match=words):
        read_manifest(tmp_path)


def test_no_index_says_how_to_build_one(tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailableError, match="moodcue-mer-indexer build"):
        read_manifest(tmp_path)


def test_a_changed_file_of_an_index_is_named(tmp_path: Path) -> None:
    manifest = write_index(tmp_path)
    (generation_folder(tmp_path, manifest) / "songs.faiss").write_bytes(b"others")

    with pytest.raises(IndexUnavailableError, match=r"songs\.faiss"):
        verify_files(tmp_path, manifest)


@pytest.mark.parametrize("name", ["songs.sqlite", "songs.npy"])
@pytest.mark.parametrize("content", [b"not what it should be" * 100, b""])
def test_damaged_songs_are_a_clear_error(tmp_path: Path, name: str, content: bytes) -> None:
    manifest = write_index(tmp_path)
    (generation_folder(tmp_path, manifest) / name).write_bytes(content)

    with pytest.raises(IndexUnavailableError, match=re.escape(name)):
        open_songs(tmp_path, manifest)


def test_a_build_may_read_an_older_manifest_but_no_later_one(tmp_path: Path) -> None:
    write_index(tmp_path, format=1)
    assert read_manifest(tmp_path, older=True).generation == "g1"

    write_index(tmp_path / "later", format=3)
    with pytest.raises(IndexUnavailableError, match="format 3"):
        read_manifest(tmp_path / "later", older=True)
