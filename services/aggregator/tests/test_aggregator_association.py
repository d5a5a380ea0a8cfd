import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodcue.events import Box
from moodcue.identity import NS_PER_SECOND
from moodcue_aggregator.association import Sighting, Track, hides, pair, similarity
from moodcue_aggregator.association import score as score_of

FRAME_NS = NS_PER_SECOND // 5
BOX = (0, 0, 100, 100)
ANN, BOB = (2.0,) * 20, (-1.0,) * 20

links = st.dictionaries(
    st.tuples(st.integers(0, 4), st.integers(0, 4)), st.floats(0.01, 5), max_size=14
)


def score(track: Track, face: Sighting, *, time: int, absent: int, hidden: bool = False) -> float:
    return score_of(track, face, time=time, absent=absent, hidden=hidden)


def track_of(box: Box = BOX, *, looks: tuple[float, ...] = (), pictures: int = 9) -> Track:
    track = Track(box, 0, born=0, first_box=box)
    for _ in range(pictures if looks else 0):
        track.looks.add(looks)
    return track


@given(links)
def test_no_two_faces_get_one_track_and_no_pair_is_left_that_could_be_made(
    scores: dict[tuple[int, int], float],
) -> None:
    paired = pair(scores)
    assert len(set(paired.values())) == len(paired)
    assert all((track, face) in scores for face, track in paired.items())
    assert all(face in paired or track in paired.values() for track, face in scores)


def test_the_highest_score_is_paired_first() -> None:
    assert pair({(0, 0): 1.0, (0, 1): 1.5, (1, 1): 1.2}) == {1: 0}
    assert pair({(0, 0): 1.0, (1, 0): 0.5, (1, 1): 0.2}) == {0: 0, 1: 1}


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 100, 100), 2.0),
        ((75, 0, 100, 100), 0.5 + 25 / 175),
        ((150, 0, 100, 100), 0.0),
        ((0, 0, 49, 49), 0.0),
    ],
)
def test_similarity_is_overlap_plus_closeness(box: Box, expected: float) -> None:
    assert similarity(track_of(), box, time=FRAME_NS) == pytest.approx(expected)


def test_similarity_is_less_for_time_out_of_sight_and_for_another_size() -> None:
    here = similarity(track_of(), BOX, time=FRAME_NS)
    assert similarity(track_of(), BOX, time=FRAME_NS, absent=FRAME_NS) == here / 1.2
    same_centre = (20, 20, 60, 60)
    assert similarity(track_of(), same_centre, time=FRAME_NS) < 0.3


def test_without_a_description_the_score_is_the_similarity() -> None:
    for track, face in (
        (track_of(), Sighting(BOX, ANN)),
        (track_of(looks=ANN), Sighting(BOX)),
    ):
        assert score(track, face, time=FRAME_NS, absent=0) == 2.0


def test_looks_decide_between_two_faces_that_are_as_near() -> None:
    track = track_of(looks=ANN)
    ann, bob = Sighting((20, 0, 100, 100), ANN), Sighting((-20, 0, 100, 100), BOB)
    one, other = (score(track, face, time=FRAME_NS, absent=FRAME_NS) for face in (ann, bob))
    assert one > 2
    assert other < 0


def test_other_looks_do_not_end_a_track_that_goes_on_without_a_gap() -> None:
    track = track_of(looks=ANN)
    assert score(track, Sighting(BOX, BOB), time=FRAME_NS, absent=0) > 0
    assert score(track, Sighting(BOX, BOB), time=2 * FRAME_NS, absent=FRAME_NS) < 0


def test_what_another_person_hides_says_little_against_a_track() -> None:
    track = track_of(looks=ANN)
    face = Sighting(BOX, BOB)
    assert score(track, face, time=2 * FRAME_NS, absent=FRAME_NS, hidden=True) > 1


def test_who_looks_the_same_may_have_walked_on_unseen() -> None:
    track = track_of(looks=ANN)
    there = (600, 0, 100, 100)
    assert score(track, Sighting(there, ANN), time=NS_PER_SECOND, absent=0) > 0
    assert score(track, Sighting(there, BOB), time=NS_PER_SECOND, absent=0) == 0
    assert score(track, Sighting(there), time=NS_PER_SECOND, absent=0) == 0
    assert score(track, Sighting(there, ANN), time=FRAME_NS, absent=0) == 0


def test_who_stands_clearly_behind_hides_nobody() -> None:
    near, far, beside = (0, 0, 100, 100), (50, 20, 60, 60), (120, 0, 100, 100)
    assert hides(near, far)
    assert not hides(far, near)
    assert not hides(near, beside)
    assert hides(near, (90, 0, 100, 100))
    assert hides((90, 0, 100, 100), near)
