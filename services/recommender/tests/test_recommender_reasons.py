import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodcue.taxonomy import EMOTIONS, vector_from_mapping
from moodcue_recommender.reasons import least_change, music_at, reason_for, what_would_change
from moodcue_recommender.rules import Rule
from moodcue_recommender.vectors import target_of

sevens = st.lists(st.floats(0.01, 1), min_size=7, max_size=7)
CHANGE = re.compile(
    r"With ([\w ]+) at (\d+)% instead of (\d+)%, at the cost of all else, "
    r"the songs would be (\w+) ones instead of (\w+) ones\."
)


@pytest.mark.parametrize(
    ("score", "shares", "sentence"),
    [
        (
            0.95,
            {"happiness": 0.9, "neutral": 0.05},
            "A close match: sad music for happiness (95% of the fit).",
        ),
        (
            0.5,
            {"happiness": 0.2, "sadness": 0.3},
            "A fair match: sad music for sadness (60% of the fit) and happiness (40%).",
        ),
        (
            0.3,
            {"neutral": 0.2, "fear": 0.1},
            "The nearest there is: sad music for a neutral face (67% of the fit) and fear (33%).",
        ),
        (
            -0.2,
            {"fear": 0.0, "anger": -0.2},
            "The nearest there is: sad music, as nothing nearer is left.",
        ),
        (0.8, {}, "A close match: sad music where calm music was asked for."),
    ],
)
def test_the_reason_says_in_plain_words_what_the_song_is_and_what_for(
    score: float, shares: dict[str, float], sentence: str
) -> None:
    assert reason_for(score=score, shares=shares, song=(-0.5, -0.5), target=(1, -1)) == sentence


@pytest.mark.parametrize("rule", list(Rule))
def test_the_reason_says_which_rule_moved_the_song(rule: Rule) -> None:
    plain = reason_for(score=0.8, shares={"fear": 0.8}, song=(-1, 1), target=(-1, 1))
    moved = reason_for(score=0.8, shares={"fear": 0.8}, song=(-1, 1), target=(-1, 1), moved_by=rule)
    assert moved.startswith(plain.removesuffix(".") + "; ")
    assert moved.count(".") == 1


def test_the_reason_says_that_a_song_comes_again() -> None:
    assert reason_for(
        score=0.8, shares={"fear": 0.8}, song=(-1, 1), target=(-1, 1), repeated=True
    ).endswith("; it comes again because too little else fits.")


@given(sevens)
def test_the_change_that_is_named_does_change_the_answer(weights: list[float]) -> None:
    face = vector_from_mapping(dict(zip(EMOTIONS, weights, strict=True)))
    change = least_change(face)
    said = CHANGE.fullmatch(what_would_change(change))
    assert said is not None
    name, new, old, after, before = said.groups()
    rival = change.emotion
    assert name == ("a neutral face" if rival == "neutral" else rival)
    assert before == music_at(target_of(face))
    assert before != after
    shares = dict(zip(EMOTIONS, face, strict=True))
    assert int(old) == int(shares[rival] * 100)
    assert int(new) > int(old)
    left = (1 - int(new) / 100) / (1 - shares[rival])
    changed = {name: share * left for name, share in shares.items()} | {rival: int(new) / 100}
    assert music_at(target_of(vector_from_mapping(changed))) != before


def test_a_face_that_is_between_two_moods_needs_less_of_a_change_than_a_clear_one() -> None:
    between = least_change(vector_from_mapping({"neutral": 0.55, "sadness": 0.45}))
    clear = least_change(vector_from_mapping({"neutral": 0.95, "sadness": 0.05}))
    assert between.rises_to - between.share < clear.rises_to - clear.share
