import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recommender_harness import opened_log

from moodcue.events import HoldReason, Recommendation, SongMatch
from moodcue.identity import new_id, new_trace
from moodcue_recommender.database import FILE, Database, StateError
from moodcue_recommender.log import RecommendationLog, read_log


def song(number: int) -> SongMatch:
    return SongMatch(
        song=f"{number:016x}",
        title=f"Song {number}",
        artist="",
        path=f"{number}.mp3",
        score=0.5,
        emotions=(1, 0, 0, 0, 0, 0, 0),
        valence=0,
        arousal=0,
    )


def made(seq: int, *, camera: str = "kitchen", songs: tuple[int, ...] = ()) -> Recommendation:
    return Recommendation(
        id=new_id(),
        source="recommender/one",
        seq=seq,
        time=seq,
        trace=new_trace(),
        camera=camera,
        window=f"{camera}-{seq}",
        songs=tuple(song(number) for number in songs),
        hold=None if songs else HoldReason.NOBODY,
    )


@pytest.fixture
def log(tmp_path: Path) -> Iterator[RecommendationLog]:
    with opened_log(tmp_path) as opened:
        yield opened


def test_the_source_goes_on_under_the_name_it_began_with(tmp_path: Path) -> None:
    with opened_log(tmp_path) as first:
        assert first.source == "recommender/one"
    with opened_log(tmp_path, source="recommender/two") as second:
        assert second.source == "recommender/one"


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    events = [made(1, songs=(1, 2)), made(2), made(1, camera="hall", songs=(3,))]
    with opened_log(tmp_path) as log:
        for event in events:
            log.append(event)
    with opened_log(tmp_path) as log:
        assert log.last_numbers() == {"kitchen": 2, "hall": 1}
        assert log.has_answered("kitchen-2")
        assert not log.has_answered("kitchen-3")
        assert log.after("kitchen", 0, last=10) == events[:2]
        assert log.after("kitchen", 1, last=10) == [events[1]]
        assert log.after("kitchen", 0, last=1) == [events[1]]


def test_recent_songs_are_those_of_the_camera_oldest_first(log: RecommendationLog) -> None:
    log.append(made(1, songs=(1, 2, 3)))
    log.append(made(1, camera="hall", songs=(9,)))
    log.append(made(2))
    log.append(made(3, songs=(4, 5)))
    assert log.recent_songs("kitchen", 20) == [1, 2, 3, 4, 5]
    assert log.recent_songs("kitchen", 3) == [3, 4, 5]
    assert log.recent_songs("kitchen", 0) == []
    assert log.recent_songs("cellar", 20) == []


@given(st.integers(1, 12), st.lists(st.sampled_from(["kitchen", "hall", "cellar"]), max_size=40))
def test_the_log_is_bounded_and_keeps_the_number_of_every_camera_of_late(
    tmp_path_factory: pytest.TempPathFactory, keep: int, cameras: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    counts: dict[str, int] = {}
    with opened_log(folder, keep=keep) as log:
        for camera in cameras:
            counts[camera] = counts.get(camera, 0) + 1
            log.append(made(counts[camera], camera=camera))
        kept = [(event.camera, event.seq) for event in read_log(folder)]
        lately = set(cameras[-10 * keep :])
        assert log.last_numbers() == {name: counts[name] for name in lately}
    assert len(kept) <= keep + len(lately)
    newest = [(camera, cameras[: place + 1].count(camera)) for place, camera in enumerate(cameras)]
    assert kept[len(kept) - min(keep, len(cameras)) :] == newest[-keep:]


def test_the_log_can_be_read_while_it_is_written(tmp_path: Path, log: RecommendationLog) -> None:
    events = [made(1), made(2), made(1, camera="hall")]
    for event in events:
        log.append(event)
    assert list(read_log(tmp_path)) == events
    assert list(read_log(tmp_path, after_seq=1)) == [events[1]]
    assert list(read_log(tmp_path, camera="hall")) == [events[2]]


def test_a_question_is_never_kept_twice(log: RecommendationLog) -> None:
    log.append(made(1))
    with pytest.raises(sqlite3.IntegrityError):
        log.append(made(1))


def test_two_recommenders_cannot_share_a_log(tmp_path: Path, log: RecommendationLog) -> None:
    del log
    with pytest.raises(StateError, match=r"another recommender uses .*STATE_DIR"):
        Database(tmp_path)


def test_a_file_that_is_no_log_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"precious" * 1000)
    with pytest.raises(StateError, match="file is not a database; move it away"):
        Database(tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"precious" * 1000
    with pytest.raises(StateError, match="cannot be read"):
        list(read_log(tmp_path))


def test_a_log_of_a_later_version_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as database:
        database.execute("PRAGMA user_version = 7")
    with pytest.raises(StateError, match="it has version 7, needed is 2; move it away"):
        Database(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match=r"no log can be kept in .*file/state: Not a directory"):
        Database(tmp_path / "file" / "state")


def test_reading_a_log_that_is_not_there_names_the_place(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="no log at"):
        list(read_log(tmp_path))
