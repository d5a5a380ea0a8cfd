import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodcue_aggregator.looks import Looks, compare

figures = st.lists(st.floats(-9, 9), min_size=10, max_size=10)


def test_the_mean_is_over_the_descriptions_in_which_a_figure_was_seen() -> None:
    looks = Looks()
    for description in ((1.0, 2.0, 0.0), (3.0, 0.0, 0.0)):
        looks.add(description)
    assert looks.mean == [2.0, 2.0, 0.0]
    assert looks.count == 2


def test_a_merged_mean_is_that_of_all_descriptions() -> None:
    one, other, both = Looks(), Looks(), Looks()
    for looks, value in ((one, 1.0), (one, 2.0), (other, 6.0)):
        looks.add((value,))
        both.add((value,))
    one.merge(other)
    assert one.mean == pytest.approx(both.mean)
    assert one.count == 3


def test_a_mean_of_many_still_follows_a_change() -> None:
    looks = Looks()
    for value in [1.0] * 5000 + [3.0] * 150:
        looks.add((value,))
    assert looks.mean[0] > 2.8


def test_a_description_of_another_length_is_left_out() -> None:
    looks = Looks()
    looks.add((1.0, 2.0))
    looks.add((5.0,))
    assert (looks.mean, looks.count) == ([1.0, 2.0], 1)


def test_only_what_both_have_seen_is_compared() -> None:
    found = compare([1.0] * 8 + [0.0, 9.0], [3.0] * 8 + [9.0, 0.0])
    assert found is not None
    assert (found.apart, found.common) == (2.0, 8)


def test_one_figure_alone_tells_no_more_than_its_limit() -> None:
    found = compare([1.0] * 10, [1.0] * 9 + [1e9])
    assert found is not None
    assert found.apart == pytest.approx(4 / math.sqrt(10))


@pytest.mark.parametrize("other", [[], [1.0] * 9, [1.0] * 5 + [0.0] * 5])
def test_descriptions_with_too_little_in_common_are_not_compared(other: list[float]) -> None:
    assert compare([1.0] * 10, other) is None


@given(figures, figures)
def test_the_difference_is_symmetric_and_bounded(one: list[float], other: list[float]) -> None:
    found = compare(one, other)
    assert found == compare(other, one)
    assert found is None or 0 <= found.apart <= 4
