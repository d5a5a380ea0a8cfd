import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import faiss
import numpy as np
import pytest
from mer_sounds import analyse_by_name, tone, write_audio

from moodcue.bus import BusAddress, Subscriber
from moodcue.errors import IndexUnavailableError
from moodcue.events import IndexPublished
from moodcue.library_index import (
    GENERATIONS,
    MANIFEST,
    VECTORS,
    generation_folder,
    read_manifest,
    verify_files,
)
from moodcue.songs import open_songs
from moodcue_mer_indexer.analysis import Analysed, Failure, run_in_processes
from moodcue_mer_indexer.announce import announce
from moodcue_mer_indexer.build import BuildReport, build_index
from moodcue_mer_indexer.catalog import CATALOG, Catalog, CatalogError
from moodcue_mer_indexer.emotion import summarise
from moodcue_mer_indexer.library import LibraryError, scan_library
from moodcue_mer_indexer.model import shipped_model_folder
from moodcue_mer_indexer.publish import song_id
from moodcue_mer_indexer.tags import read_tags


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    (folder / "Älbum ☂").mkdir(parents=True)
    sound = tone(seconds=1, channels=1)
    write_audio(folder / "b.flac", sound=sound, tags={"title": "Bee", "artist": "Insects"})
    write_audio(folder / "Älbum ☂" / "ночь 夜.wav", sound=sound)
    return folder


class Listener:
    """Counts what it is asked to analyse, and answers by the file's name."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __call__(self, paths: Sequence[Path]) -> Iterator[tuple[Path, Analysed | Failure]]:
        for path in paths:
            self.heard.append(path.name)
            yield path, analyse_by_name(path)


def build(music: Path, index: Path, listener: Listener) -> BuildReport:
    return build_index(
        music, index=index, model_folder=shipped_model_folder(), workers=1, analyse=listener
    )


def test_a_library_is_found_in_order_whatever_its_names(music: Path) -> None:
    (music / "cover.jpg").write_bytes(b"no music")
    (music / ".hidden.flac").write_bytes(b"not for us")

    assert [file.relative for file in scan_library(music)] == ["b.flac", "Älbum ☂/ночь 夜.wav"]


def test_links_to_folders_are_followed_and_loops_end(music: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_audio(elsewhere / "linked.wav", sound=tone(seconds=1))
    (music / "link").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(music)
    (music / "dangling.mp3").symlink_to(tmp_path / "nothing")

    names = [Path(file.relative).name for file in scan_library(music)]

    assert sorted(names) == ["b.flac", "linked.wav", "ночь 夜.wav"]


def test_a_build_publishes_what_the_reader_can_use(music: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"

    report = build(music, index, Listener())

    manifest = read_manifest(index)
    verify_files(index, manifest)
    songs = list(open_songs(index, manifest))
    assert manifest == report.manifest
    assert manifest.songs == 2
    assert manifest.music_root == str(music)
    assert [(song.title, song.artist) for song in songs] == [
        ("Bee", "Insects"),
        ("ночь 夜", "Unknown artist"),
    ]
    assert songs[0].quadrants == pytest.approx((0.7, 0.1, 0.1, 0.1))
    assert 0 < songs[0].uncertainty < 1
    assert songs[0].trajectory == pytest.approx(np.array([[0.6, 0.6]]), abs=0.005)
    assert songs[0].opening == songs[0].ending == pytest.approx((0.6, 0.6))
    vectors = faiss.read_index(str(generation_folder(index, manifest) / VECTORS))
    scores, ids = vectors.search(np.array([songs[0].emotions], dtype=np.float32), 1)
    assert ids[0, 0] in {song.id for song in songs}
    assert scores[0, 0] == pytest.approx(np.linalg.norm(songs[0].emotions), rel=1e-5)
    assert np.linalg.norm(vectors.reconstruct(songs[1].id)) == pytest.approx(1.0, rel=1e-5)


def test_names_in_any_script_come_back_as_they_are(tmp_path: Path) -> None:
    composed, decomposed = "caf\u00e9.wav", "cafe\u0301.wav"
    names = [composed, decomposed, "夜 ☂.wav", "ночь.wav", "ليل.wav", "🎵 '\"%_.wav", "a\nb.wav"]
    music, index = tmp_path / "music", tmp_path / "index"
    music.mkdir()
    for name in names:
        write_audio(music / name, sound=tone(seconds=1))

    build(music, index, Listener())

    table = open_songs(index, read_manifest(index))
    assert [song.path for song in table] == sorted(names)
    for name in names:
        assert table.song(song_id(name)).path == name
    assert build(music, index, Listener()).analysed == 0


def test_an_unchanged_file_is_not_analysed_again(music: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    listener = Listener()
    first = build(music, index, listener)

    second = build(music, index, listener)
    assert (second.analysed, second.unchanged, second.published) == (0, 2, False)
    assert second.manifest == first.manifest
    assert len(listener.heard) == 2

    os.utime(music / "b.flac", ns=(1, 1))
    third = build(music, index, listener)
    assert (third.analysed, third.unchanged) == (1, 1)
    assert listener.heard[2:] == ["b.flac"]


def test_added_and_removed_songs_change_the_index(music: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    build(music, index, Listener())
    write_audio(music / "new.wav", sound=tone(seconds=1))
    (music / "b.flac").unlink()

    report = build(music, index, Listener())

    assert report.published
    titles = [song.title for song in open_songs(index, read_manifest(index))]
    assert titles == ["new", "ночь 夜"]


def test_an_interrupted_build_goes_on_where_it_stopped(music: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"

    def interrupted(paths: Sequence[Path]) -> Iterator[tuple[Path, Analysed | Failure]]:
        yield paths[0], analyse_by_name(paths[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_index(
            music,
            index=index,
            model_folder=shipped_model_folder(),
            workers=1,
            analyse=interrupted,
        )
    assert not (index / MANIFEST).exists()
    listener = Listener()
    report = build(music, index, listener)

    assert listener.heard == ["ночь 夜.wav"]
    assert report.manifest.songs == 2


def test_a_song_begins_and_ends_as_its_first_and_last_seconds_do(
    music: Path, tmp_path: Path
) -> None:
    happy, sad = (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0)
    patches = [happy] * 7 + [sad] * 70

    def analyse(paths: Sequence[Path]) -> Iterator[tuple[Path, Analysed | Failure]]:
        for path in paths:
            yield path, Analysed(tags=read_tags(path), emotion=summarise(patches, patch_seconds=3))

    index = tmp_path / "index"
    build_index(music, index=index, model_folder=shipped_model_folder(), workers=1, analyse=analyse)

    song = open_songs(index, read_manifest(index)).page(0, 1)[0]
    assert (len(song.trajectory), song.moment_seconds) == (77, 3)
    assert song.opening == pytest.approx((1, 1))
    assert song.ending == pytest.approx((-1, -1))
    assert song.arousal < 0


def test_a_broken_file_is_named_with_its_reason_and_the_run_goes_on(
    music: Path, tmp_path: Path
) -> None:
    (music / "broken.mp3").write_bytes(b"x")

    report = build(music, tmp_path / "index", Listener())

    assert report.failures == {
        "broken.mp3": Failure(kind="damaged", reason="broken on purpose", remedy="mend it")
    }
    assert report.manifest.songs == 2


def test_a_broken_file_is_reported_again_without_being_analysed_again(
    music: Path, tmp_path: Path
) -> None:
    (music / "broken.mp3").write_bytes(b"x")
    index, listener = tmp_path / "index", Listener()
    first = build(music, index, listener)

    second = build(music, index, listener)
    assert second.failures == first.failures
    assert len(listener.heard) == 3

    (music / "broken.mp3").unlink()
    assert build(music, index, listener).failures == {}


def test_a_file_that_may_be_readable_later_is_tried_again(music: Path, tmp_path: Path) -> None:
    index, listener = tmp_path / "index", Listener()

    def forbidden(paths: Sequence[Path]) -> Iterator[tuple[Path, Analysed | Failure]]:
        for path in paths:
            yield (
                path,
                Failure(
                    kind="unreadable", reason="may not be read", remedy="mend it", lasting=False
                ),
            )

    with pytest.raises(LibraryError, match="may not be read"):
        build_index(
            music, index=index, model_folder=shipped_model_folder(), workers=1, analyse=forbidden
        )

    assert build(music, index, listener).manifest.songs == 2


def test_a_name_that_is_no_text_is_reported_and_the_run_goes_on(
    music: Path, tmp_path: Path
) -> None:
    os.close(os.open(os.fsencode(music) + b"/bad\xff.wav", os.O_CREAT | os.O_WRONLY))

    report = build(music, tmp_path / "index", Listener())

    ((name, failure),) = report.failures.items()
    assert failure.kind == "bad-name"
    json.dumps(name).encode()
    assert report.manifest.songs == 2


def test_a_file_that_kills_its_process_costs_itself_alone(music: Path) -> None:
    (music / "deadly.mp3").write_bytes(b"x")
    paths = [file.path for file in scan_library(music)]

    answers = dict(run_in_processes(paths, analyser=analyse_by_name, workers=1))

    assert list(answers) == paths
    failure = answers[music / "deadly.mp3"]
    assert isinstance(failure, Failure)
    assert failure.kind == "deadly"
    assert "exit code 3" in failure.reason
    assert sum(isinstance(answer, Analysed) for answer in answers.values()) == 2


@pytest.mark.parametrize("content", [{}, {"broken.mp3": b"x"}])
def test_a_folder_without_a_usable_song_is_an_error_with_a_remedy(
    tmp_path: Path, content: dict[str, bytes]
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for name, data in content.items():
        (music / name).write_bytes(data)

    with pytest.raises(LibraryError, match=r"compose|broken.mp3: broken on purpose"):
        build(music, tmp_path / "index", Listener())

    assert not (tmp_path / "index" / MANIFEST).exists()


def test_a_missing_music_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="is no folder"):
        build(tmp_path / "none", tmp_path / "index", Listener())


def test_a_folder_with_other_files_is_not_taken_for_an_index(music: Path) -> None:
    before = sorted(path.name for path in music.iterdir())

    with pytest.raises(IndexUnavailableError, match="holds other files"):
        build(music, music, Listener())

    assert sorted(path.name for path in music.iterdir()) == before


def test_a_foreign_manifest_is_refused_and_kept(music: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    build(music, index, Listener())
    foreign = json.loads((index / MANIFEST).read_text())
    foreign["labels"] = "quadrants-4"
    text = json.dumps(foreign)
    (index / MANIFEST).write_text(text)

    with pytest.raises(IndexUnavailableError, match="quadrants-4"):
        build(music, index, Listener())

    assert (index / MANIFEST).read_text() == text


def test_an_index_of_an_older_format_is_replaced(music: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    first = build(music, index, Listener()).manifest
    older = json.loads((index / MANIFEST).read_text())
    del older["content"], older["previous"]
    (index / MANIFEST).write_text(json.dumps({**older, "format": 1}))
    with pytest.raises(IndexUnavailableError, match="format 1"):
        read_manifest(index)

    report = build(music, index, Listener())

    assert report.published
    assert report.manifest.generation != first.generation
    verify_files(index, read_manifest(index))
    assert generation_folder(index, first).is_dir()


def test_a_damaged_generation_is_replaced(music: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    first = build(music, index, Listener())
    (generation_folder(index, first.manifest) / VECTORS).write_bytes(b"damaged")

    second = build(music, index, Listener())

    assert second.published
    verify_files(index, read_manifest(index))


def test_the_last_two_generations_are_kept_and_leftovers_go(music: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    generations = []
    for number in range(4):
        write_audio(music / f"{number}.wav", sound=tone(seconds=1))
        (index / GENERATIONS / "00000.partial").mkdir(parents=True, exist_ok=True)
        if number == 0:
            with Catalog(index, model_sha256=""):
                pass
        generations.append(build(music, index, Listener()).manifest.generation)

    kept = sorted(path.name for path in (index / GENERATIONS).iterdir())

    assert kept == generations[-2:]


def test_an_unpublished_generation_does_not_push_out_the_one_in_use(
    music: Path, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    first = build(music, index, Listener()).manifest
    orphan = index / GENERATIONS / "99999999999999999999"
    orphan.mkdir()
    write_audio(music / "new.wav", sound=tone(seconds=1))

    second = build(music, index, Listener()).manifest

    kept = {path.name for path in (index / GENERATIONS).iterdir()}
    assert kept == {first.generation, second.generation}


def test_a_reader_never_sees_a_half_written_index(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    first = build(music, index, Listener()).manifest
    write_audio(music / "new.wav", sound=tone(seconds=1))

    def power_cut(*_: object, **__: object) -> None:
        raise OSError("power cut")

    monkeypatch.setattr("moodcue_mer_indexer.publish._swap_manifest", power_cut)
    with pytest.raises(OSError, match="power cut"):
        build(music, index, Listener())

    assert read_manifest(index) == first
    verify_files(index, first)


def test_two_builds_do_not_work_on_one_index(music: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    build(music, index, Listener())

    with (
        Catalog(index, model_sha256="0" * 64),
        pytest.raises(CatalogError, match="wait until the other build"),
    ):
        build(music, index, Listener())


def test_findings_of_another_model_do_not_count(music: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    build(music, index, Listener())
    files = list(scan_library(music))

    with Catalog(index, model_sha256="0" * 64) as catalog:
        assert catalog.retain(files) == files


def test_a_damaged_catalog_says_what_to_do(music: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    build(music, index, Listener())
    (index / CATALOG).write_bytes(b"this is no database at all" * 100)

    with pytest.raises(CatalogError, match="remove it"):
        build(music, index, Listener())


def test_a_catalog_of_another_version_is_begun_anew(music: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    build(music, index, Listener())
    with closing(sqlite3.connect(index / CATALOG)) as database:
        database.execute("PRAGMA user_version = 99")
    listener = Listener()

    build(music, index, listener)

    assert len(listener.heard) == 2


def test_ids_are_stable_and_fit_63_bits() -> None:
    assert song_id("a/b.mp3") == song_id("a/b.mp3")
    assert song_id("a/b.mp3") != song_id("a/c.mp3")
    assert song_id("Älbum/ночь.flac") == 5_137_118_722_185_822_143
    assert all(0 <= song_id(str(n)) < 2**63 for n in range(1000))


def test_a_missing_broker_is_waited_for_only_so_long(
    music: Path, tmp_path: Path, address: BusAddress
) -> None:
    manifest = build(music, tmp_path / "index", Listener()).manifest

    assert announce(manifest, address=address, timeout_seconds=0.2) is False


def test_subscribers_hear_of_a_new_index(
    music: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    broker = request.getfixturevalue("broker")
    manifest = build(music, tmp_path / "index", Listener()).manifest
    with Subscriber(broker.context, broker.address, topics=["index/"]) as subscriber:
        send = partial(announce, manifest, address=broker.address, timeout_seconds=10)
        assert send() is True
        message = subscriber.receive(10)

    assert message is not None
    assert isinstance(message.event, IndexPublished)
    assert message.event.generation == manifest.generation
    assert message.event.songs == 2
