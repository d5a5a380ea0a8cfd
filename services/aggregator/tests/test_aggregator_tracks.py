import math
import random
from collections.abc import Iterator, Sequence

import pytest

from moodcue.identity import NS_PER_SECOND
from moodcue_aggregator.tracks import Box, Track, Tracker, similarity

FRAME_NS = NS_PER_SECOND // 5
SILENCE_NS = 2 * NS_PER_SECOND

Scene = Iterator[dict[str, Box]]
"""Per frame, the box of each person that the detector finds."""


def make_tracker() -> Tracker:
    return Tracker(silence=SILENCE_NS)


def numbers(tracker: Tracker, boxes: Sequence[Box], *, frame: int) -> list[int]:
    return [tracker.number(track) for track in tracker.follow(boxes, time=frame * FRAME_NS)]


def noisy(x: float, y: float, size: float, chance: random.Random) -> Box:
    """A box as a Haar cascade gives it: centre off by 5 %, size by 8 % of the face."""
    side = size * chance.uniform(0.92, 1.08)
    left = x - side / 2 + chance.gauss(0, 0.05 * size)
    top = y - side / 2 + chance.gauss(0, 0.05 * size)
    return round(left), round(top), round(side), round(side)


def sitting(chance: random.Random, *, frames: int = 75, miss: float = 0.1) -> Scene:
    places = {"a": (200.0, 240.0, 110.0), "b": (360.0, 230.0, 90.0)}
    for _ in range(frames):
        yield {
            name: noisy(*place, chance) for name, place in places.items() if chance.random() > miss
        }


def crossing(chance: random.Random, *, other_size: float, rise: float = 0.0) -> Scene:
    """Two people walk past each other in 4 s; while they overlap, only the one in front is seen."""
    for frame in range(21):
        share = frame / 20
        left_x, right_x = 100 + 440 * share, 540 - 440 * share
        people = {
            "a": noisy(left_x, 240, 100, chance),
            "b": noisy(right_x, 240 + rise, other_size, chance),
        }
        if abs(left_x - right_x) < 60 and rise == 0:
            del people["b" if other_size <= 100 else "a"]
        yield people


def switches(scene: Scene, chance: random.Random) -> int:
    """Count how often a person's number changes between two frames that it is seen in."""
    tracker, last, count = make_tracker(), dict[str, int](), 0
    for frame, people in enumerate(scene):
        names = list(people)
        chance.shuffle(names)
        found = numbers(tracker, [people[name] for name in names], frame=frame)
        for name, number in zip(names, found, strict=True):
            count += last.get(name, number) != number
            last[name] = number
    return count


def test_two_people_side_by_side_keep_their_numbers_through_missed_detections() -> None:
    assert sum(switches(sitting(r := random.Random(s)), r) for s in range(50)) == 0


def test_people_who_pass_at_different_distances_keep_their_numbers() -> None:
    assert sum(switches(crossing(r := random.Random(s), other_size=60), r) for s in range(50)) == 0


def test_people_who_pass_one_above_the_other_keep_their_numbers() -> None:
    scenes = range(50)
    count = sum(
        switches(crossing(r := random.Random(s), other_size=95, rise=110), r) for s in scenes
    )
    assert count == 0


def test_people_of_one_size_who_hide_each_other_rarely_swap() -> None:
    # The hard case, 50 encounters; the one who comes back is found by its walking speed.
    count = sum(switches(crossing(r := random.Random(s), other_size=95), r) for s in range(50))
    assert count <= 4


def test_a_face_that_moves_more_than_its_own_size_per_frame_stays_the_same() -> None:
    tracker = make_tracker()
    path = [(x, 200, 80, 80) for x in range(0, 1000, 100)]
    assert [numbers(tracker, [box], frame=i) for i, box in enumerate(path)] == [[1]] * 10


def test_who_comes_back_within_the_silence_is_the_same_and_later_a_new_one() -> None:
    tracker, box = make_tracker(), (100, 100, 80, 80)
    assert numbers(tracker, [box], frame=0) == [1]
    assert numbers(tracker, [box], frame=10) == [1]
    assert numbers(tracker, [box], frame=21) == [2]


def test_a_face_of_less_than_half_the_size_is_another_one() -> None:
    tracker = make_tracker()
    assert numbers(tracker, [(100, 100, 100, 100)], frame=0) == [1]
    assert numbers(tracker, [(125, 125, 49, 49)], frame=1) == [2]


def test_two_faces_never_share_a_track() -> None:
    tracker = make_tracker()
    numbers(tracker, [(100, 100, 80, 80)], frame=0)
    first, second = numbers(tracker, [(104, 100, 80, 80), (98, 100, 80, 80)], frame=1)
    assert (first, second) == (2, 1)


def test_the_order_of_the_boxes_does_not_matter() -> None:
    boxes = [(0, 0, 50, 50), (200, 0, 50, 50), (400, 0, 50, 50)]
    tracker = make_tracker()
    one, two, three = numbers(tracker, boxes, frame=0)
    assert numbers(tracker, boxes[::-1], frame=1) == [three, two, one]


def test_numbers_are_given_only_when_asked_for() -> None:
    tracker = make_tracker()
    unread, read = tracker.follow([(0, 0, 50, 50), (300, 0, 50, 50)], time=0)
    assert tracker.number(read) == 1
    assert unread.number is None


def test_resumed_tracks_keep_their_numbers_and_new_ones_count_on() -> None:
    tracker = make_tracker()
    old, strange = (0, 0, 50, 50), (300, 0, 50, 50)
    tracker.follow([old, strange], time=0)
    tracker.resume({old: 4}, last_number=7)
    assert numbers(tracker, [old, strange], frame=1) == [4, 8]


def test_a_flood_of_faces_does_not_grow_the_tracker() -> None:
    tracker = make_tracker()
    for frame in range(8):
        boxes = [(1000 * i, 1000 * frame, 50, 50) for i in range(40)]
        numbers(tracker, boxes, frame=frame)
    assert len(tracker._tracks) == 128  # noqa: SLF001 - the bound is the promise


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 100, 100), 2.0),
        ((75, 0, 100, 100), 0.5 + 25 / 175),
        ((150, 0, 100, 100), 0.0),
    ],
)
def test_similarity_is_overlap_plus_closeness_less_for_time_out_of_sight(
    box: Box, expected: float
) -> None:
    track = Track((0, 0, 100, 100), 0)
    assert math.isclose(similarity(track, box, time=FRAME_NS), expected / 1.2)
