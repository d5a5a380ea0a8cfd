from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from recommender_harness import opened_answerer, opened_log, window

from moodcue_recommender.history import Histories, History
from moodcue_recommender.sample_library import random_songs, write_library


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(0, 20))
def test_a_history_knows_how_many_songs_ago_each_came_and_how_often(
    played: list[int], length: int
) -> None:
    history = History(length=length)
    for song in played:
        history.add([song])
    remembered = played[len(played) - min(length, len(played)) :][::-1]
    expected = [
        remembered.index(song) + 1 if song in remembered else length + 1 for song in range(10)
    ]
    assert history.waits(range(10)).tolist() == expected
    assert history.times(range(10)).tolist() == [remembered.count(song) for song in range(10)]


def test_the_first_song_of_the_last_answer_is_taken_to_play() -> None:
    history = History([1, 2])
    assert history.playing is None
    history.add([3, 4])
    history.add([])
    assert history.playing == 3


def test_the_camera_that_was_not_asked_for_longest_is_read_again() -> None:
    reads: list[str] = []

    def read(camera: str, count: int) -> list[int]:
        reads.append(camera)
        return [7][:count]

    histories = Histories(read, length=5, cameras=2)
    histories.of("kitchen").add([8])
    for camera in ("hall", "kitchen", "attic", "kitchen", "hall"):
        histories.of(camera)
    assert reads == ["kitchen", "hall", "attic", "hall"]
    assert histories.of("kitchen").waits([8, 7]).tolist() == [1, 2]


def test_a_restarted_recommender_knows_what_came_before(tmp_path: Path) -> None:
    write_library(tmp_path / "index", random_songs(60), generation="first")
    with opened_answerer(tmp_path) as answerer:
        made = answerer.answer(window())
    assert made is not None
    ids = [int(song.song, 16) for song in made.recommendation.songs]
    with opened_log(tmp_path / "state") as log:
        histories = Histories(log.recent_songs, length=100)
        assert histories.of("kitchen").waits(ids).tolist() == [5, 4, 3, 2, 1]
        assert histories.of("hall").waits(ids).tolist() == [101] * 5
