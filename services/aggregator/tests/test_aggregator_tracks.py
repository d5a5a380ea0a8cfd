import random
from collections.abc import Iterator, Sequence

import pytest

from moodcue.events import Box
from moodcue.identity import NS_PER_SECOND
from moodcue_aggregator.association import Sighting, Track
from moodcue_aggregator.tracks import Tracker, TrackRules

FRAME_NS = NS_PER_SECOND // 5
RULES = TrackRules(silence=2 * NS_PER_SECOND, memory=60 * NS_PER_SECOND, max_remembered=3)
LEFT, RIGHT, FAR = (100, 200, 100, 100), (400, 200, 100, 100), (900, 500, 80, 80)
ANN, BOB, EVE = (2.0,) * 23, (-1.0,) * 23, (0.5, -3.0) * 11 + (0.5,)

Scene = Iterator[dict[str, Box]]
"""Per frame, the box of each person that the detector finds."""


def make_tracker() -> Tracker:
    return Tracker(RULES)


def numbers(tracker: Tracker, boxes: Sequence[Box], *, frame: int) -> list[int | None]:
    tracks = tracker.follow([Sighting(box) for box in boxes], time=frame * FRAME_NS)
    tracker.settle()
    return [track.number for track in tracks]


def watch(
    tracker: Tracker, *faces: Sighting, frames: range, settle: bool = True
) -> list[int | None]:
    """Show the same faces in some frames; return their numbers afterwards."""
    tracks: list[Track] = []
    for frame in frames:
        tracks = tracker.follow(faces, time=frame * FRAME_NS)
    if settle:
        tracker.settle()
    return [track.number for track in tracks]


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
    """Count how often a person's number changes between two frames, told by boxes alone."""
    tracker, last, count = make_tracker(), dict[str, int | None](), 0
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
    # Without descriptions the hard case; the one who comes back is found by its walking speed.
    count = sum(switches(crossing(r := random.Random(s), other_size=95), r) for s in range(50))
    assert count <= 4


def test_a_face_that_moves_more_than_its_own_size_per_frame_stays_the_same() -> None:
    tracker = make_tracker()
    path = [(x, 200, 80, 80) for x in range(0, 1000, 100)]
    assert [numbers(tracker, [box], frame=i) for i, box in enumerate(path)] == [[1]] * 10


def test_without_a_description_only_a_short_silence_is_bridged() -> None:
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


def test_only_who_was_read_gets_a_number() -> None:
    tracker = make_tracker()
    unread = Sighting((0, 0, 50, 50), read=False)
    assert watch(tracker, unread, Sighting((300, 0, 50, 50)), frames=range(1)) == [None, 1]


@pytest.mark.parametrize("place", [LEFT, RIGHT])
def test_who_left_and_returns_is_known_by_looks_wherever_they_sit(place: Box) -> None:
    tracker = make_tracker()
    assert watch(tracker, Sighting(LEFT, ANN), frames=range(10)) == [1]
    assert watch(tracker, Sighting(RIGHT, BOB), frames=range(40, 50)) == [2]
    assert watch(tracker, Sighting(place, ANN), frames=range(100, 110)) == [1]


def test_two_who_return_swapped_keep_their_numbers() -> None:
    tracker = make_tracker()
    assert watch(tracker, Sighting(LEFT, ANN), Sighting(RIGHT, BOB), frames=range(10)) == [1, 2]
    returned = (Sighting(LEFT, BOB), Sighting(RIGHT, ANN))
    assert watch(tracker, *returned, frames=range(100, 110)) == [2, 1]


def test_another_person_in_the_same_place_gets_a_new_number() -> None:
    tracker = make_tracker()
    assert watch(tracker, Sighting(LEFT, ANN), frames=range(10)) == [1]
    assert watch(tracker, Sighting(LEFT, BOB), frames=range(25, 35)) == [2]


def test_nobody_who_is_in_sight_is_recognised_as_having_returned() -> None:
    tracker = make_tracker()
    watch(tracker, Sighting(LEFT, ANN), frames=range(10))
    twins = (Sighting(LEFT, ANN), Sighting(FAR, ANN))
    assert watch(tracker, *twins, frames=range(10, 20)) == [1, 2]


def test_who_looks_like_two_who_left_gets_a_new_number() -> None:
    tracker = make_tracker()
    watch(tracker, Sighting(LEFT, ANN), Sighting(RIGHT, ANN), frames=range(10))
    assert watch(tracker, Sighting(FAR, ANN), frames=range(100, 110)) == [3]


def test_of_two_who_return_alike_only_one_is_the_one_who_left() -> None:
    tracker = make_tracker()
    assert watch(tracker, Sighting(LEFT, ANN), frames=range(10)) == [1]
    twins = (Sighting(RIGHT, ANN), Sighting(FAR, ANN))
    assert watch(tracker, *twins, frames=range(100, 110)) == [1, 2]


def test_who_has_just_come_is_not_judged_by_too_few_pictures() -> None:
    tracker = make_tracker()
    watch(tracker, Sighting(LEFT, ANN), frames=range(10))
    assert watch(tracker, Sighting(FAR, ANN), frames=range(100, 103)) == [None]
    assert watch(tracker, Sighting(FAR, ANN), frames=range(103, 110)) == [1]


def test_what_is_seen_once_or_twice_with_a_description_is_no_person() -> None:
    tracker = make_tracker()
    watch(tracker, Sighting(LEFT, ANN), frames=range(2))
    assert watch(tracker, Sighting(FAR, BOB), frames=range(50, 60)) == [1]


def test_a_head_alone_is_known_again_in_its_place_only() -> None:
    head = ANN[:12] + (0.0,) * 11
    for place, number in ((LEFT, 1), (FAR, 2)):
        tracker = make_tracker()
        assert watch(tracker, Sighting(LEFT, head), frames=range(10)) == [1]
        assert watch(tracker, Sighting(place, head), frames=range(60, 70)) == [number]


def test_who_left_is_forgotten_after_the_memory() -> None:
    tracker = make_tracker()
    watch(tracker, Sighting(LEFT, ANN), frames=range(10))
    assert watch(tracker, Sighting(LEFT, ANN), frames=range(9 + 301, 320)) == [2]


def test_of_too_many_who_left_the_first_are_forgotten_and_counted() -> None:
    tracker = make_tracker()
    cast = [tuple(float(3 * k - 4 + i % (k + 2)) or 0.1 for i in range(23)) for k in range(4)]
    for k, looks in enumerate(cast):
        watch(tracker, Sighting(LEFT, looks), frames=range(30 * k, 30 * k + 10))
    watch(tracker, Sighting(FAR, EVE), frames=range(120, 130))
    assert tracker.forgotten == 1
    assert watch(tracker, Sighting(LEFT, cast[1]), frames=range(150, 160)) == [2]
    assert watch(tracker, Sighting(LEFT, cast[0]), frames=range(180, 190)) == [6]


def test_a_memory_of_nothing_knows_nobody_again() -> None:
    rules = TrackRules(silence=2 * NS_PER_SECOND, memory=0, max_remembered=0)
    tracker = Tracker(rules)
    watch(tracker, Sighting(LEFT, ANN), frames=range(10))
    assert watch(tracker, Sighting(LEFT, ANN), frames=range(25, 35)) == [2]


def test_looks_are_not_learnt_from_who_may_be_hidden() -> None:
    tracker = make_tracker()
    behind = Sighting((140, 220, 60, 60), BOB)
    (front, hidden) = tracker.follow([Sighting(LEFT, ANN), behind], time=0)
    assert (front.looks.count, hidden.looks.count) == (1, 0)


def test_a_clock_set_back_ends_all_tracks() -> None:
    tracker = make_tracker()
    assert watch(tracker, Sighting(LEFT, ANN), frames=range(100, 110)) == [1]
    assert watch(tracker, Sighting(LEFT, ANN), frames=range(10)) == [2]


def test_resumed_tracks_keep_their_numbers_and_new_ones_count_on() -> None:
    tracker = make_tracker()
    old, strange = (0, 0, 50, 50), (300, 0, 50, 50)
    tracker.follow([Sighting(old), Sighting(strange)], time=0)
    tracker.resume({old: 4}, since=0, last_number=7)
    assert numbers(tracker, [old, strange], frame=1) == [4, 8]


def test_who_left_before_a_restart_is_known_after_it() -> None:
    tracker = make_tracker()
    watch(tracker, Sighting(LEFT, ANN), frames=range(10), settle=False)
    tracker.resume({LEFT: 3}, since=0, last_number=5)
    watch(tracker, Sighting(RIGHT, BOB), frames=range(75, 85), settle=False)
    tracker.resume({RIGHT: 5}, since=75 * FRAME_NS, last_number=5)
    assert watch(tracker, Sighting(FAR, ANN), frames=range(100, 110)) == [3]


def test_a_flood_of_faces_does_not_grow_the_tracker() -> None:
    tracker = make_tracker()
    for frame in range(8):
        boxes = [(1000 * i, 1000 * frame, 50, 50) for i in range(40)]
        numbers(tracker, boxes, frame=frame)
    assert tracker.forgotten == 8 * 40 - 128
