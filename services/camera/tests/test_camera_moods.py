import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodcue.taxonomy import EMOTIONS
from moodcue_camera.moods import Mood, parse_moods, weights_at

SCRIPT = parse_moods("happiness 20, sadness 10")


def test_a_script_is_read() -> None:
    assert list(SCRIPT) == [Mood("happiness", 20), Mood("sadness", 10)]
    assert parse_moods(" neutral   4.5 ") == (Mood("neutral", 4.5),)


def test_arrows_seconds_and_other_words_are_understood() -> None:
    for text in ("sad 20 s -> happy 20 s", "sad 20→happy 20s", "sadness 20, happiness 20"):
        assert parse_moods(text) == (Mood("sadness", 20), Mood("happiness", 20))


@pytest.mark.parametrize("name", EMOTIONS)
def test_all_seven_emotions_can_be_shown(name: str) -> None:
    assert parse_moods(f"{name} 5") == (Mood(name, 5),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no mood"),
        ("happiness", "'happiness 20'"),
        ("happiness 20,", "no mood"),
        ("glee 20", "'glee' is unknown; known: anger, disgust, fear, happiness"),
        ("sad 20 s -> hapy 20 s", "'hapy' is unknown"),
        ("sad 20 -> happy soon", "'happy soon' is no mood"),
        ("sadness 1", "3 to 3600"),
        ("sadness 99999", "3 to 3600"),
        (", ".join(["neutral 5"] * 33), "33 moods are too many"),
    ],
)
def test_a_script_that_cannot_be_shown_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_moods(text)


def test_moods_follow_each_other_and_repeat() -> None:
    for lap in (0, 30, 3000):
        assert weights_at(SCRIPT, lap + 10) == {"sadness": 0, "happiness": 1}
        assert weights_at(SCRIPT, lap + 25) == {"happiness": 0, "sadness": 1}


def test_the_first_mood_is_there_from_the_start() -> None:
    assert weights_at(SCRIPT, 0) == {"happiness": 1}


def test_a_single_mood_stays() -> None:
    assert weights_at(parse_moods("neutral 5"), 5.1) == {"neutral": 1}


@given(seconds=st.floats(0, 200))
def test_weights_sum_to_one_and_never_jump(seconds: float) -> None:
    now, soon = weights_at(SCRIPT, seconds), weights_at(SCRIPT, seconds + 0.01)
    assert sum(now.values()) == pytest.approx(1)
    assert all(0 <= weight <= 1 for weight in now.values())
    for name in ("happiness", "sadness"):
        assert abs(now.get(name, 0) - soon.get(name, 0)) < 0.02
