"""The search near known faces against the search of whole frames, with real faces and detectors."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_pictures import Pixels, clip_frames, grey_astronaut

from moodcue.events import Box
from moodcue.identity import NS_PER_SECOND
from moodcue_fer.detectors import FaceDetector, HaarDetector, YuNetDetector
from moodcue_fer.faces import Detection, overlap
from moodcue_fer.search import FaceSearch, Found, Moment, Search, has_changed, shrink, zone_mask

STEP = 0.2
"""Seconds between frames of our cameras."""


def at(seconds: float, camera: str = "kitchen") -> Moment:
    return Moment(camera=camera, time=1_000 * NS_PER_SECOND + round(seconds * NS_PER_SECOND))


def room(*faces: tuple[int, int], side: int = 180) -> Pixels:
    """A lit wall of 640x480 with portraits whose upper left corners are given."""
    columns = np.linspace(90, 170, 640)
    frame = np.tile(columns, (480, 1)).astype(np.uint8)
    portrait = cv2.resize(grey_astronaut()[10:220, 115:325], (side, side))
    for left, top in faces:
        frame[top : top + side, left : left + side] = portrait
    return frame


def follow(search: FaceSearch, frames: Sequence[Pixels], *, step: float = STEP) -> list[Found]:
    return [search.find(frame, at(place * step)) for place, frame in enumerate(frames)]


def boxes(found: Found) -> list[Box]:
    return [detection.box for detection in found.detections]


def face(left: int, top: int, side: int = 100, score: float = 0.8) -> Detection:
    return Detection(box=(left, top, side, side), score=score)


class ScriptedDetector:
    """Finds what a test says, and counts how often it searched a whole frame."""

    def __init__(self, whole: list[Detection]) -> None:
        self.whole = whole
        self.near: dict[Box, list[Detection]] = {}
        self.searched_whole = 0
        self.searched_near: list[Box] = []

    def detect(self, grey: Pixels) -> list[Detection]:
        """Return the scripted faces of the whole frame."""
        assert grey.ndim == 2
        self.searched_whole += 1
        return list(self.whole)

    def detect_near(self, grey: Pixels, box: Box) -> list[Detection]:
        """Return the scripted faces near a box, or those of the whole frame at the same place."""
        assert grey.ndim == 2
        self.searched_near.append(box)
        same = [each for each in self.whole if overlap(each.box, box) > 0.3]
        return self.near.get(box, same)


@pytest.mark.parametrize("every", [1, 5])
def test_no_face_of_the_clip_is_missed_that_a_search_of_every_whole_frame_finds(
    shared_data: Path, every: int
) -> None:
    frames = clip_frames(shared_data / "clips" / "sad_to_happy.mp4", every=every)[: 200 // every]
    search, whole = FaceSearch(HaarDetector()), HaarDetector()
    found = follow(search, frames, step=every / 24)
    expected = [whole.detect(frame) for frame in frames]
    missed = [
        place
        for place, faces in enumerate(expected)
        for each in faces
        if not any(overlap(each.box, box) >= 0.5 for box in boxes(found[place]))
    ]
    assert missed == []
    share = sum(one.search is Search.LOCAL for one in found) / len(found)
    assert share >= (0.9 if every == 1 else 0.7)


def test_boxes_found_near_a_face_are_those_of_the_whole_frame(shared_data: Path) -> None:
    detectors: list[FaceDetector] = [
        HaarDetector(),
        YuNetDetector(shared_data / "face_detection_yunet.onnx"),
    ]
    frames = clip_frames(shared_data / "clips" / "sad_to_happy.mp4", every=12)
    for detector in detectors:
        differences = []
        for before, frame in itertools.pairwise(frames):
            known, whole = detector.detect(before)[:1], detector.detect(frame)[:1]
            near = [each for one in known for each in detector.detect_near(frame, one.box)]
            differences += [
                difference(one.box, other.box) for one, other in zip(near, whole, strict=False)
            ]
        assert len(differences) >= 0.9 * (len(frames) - 1)
        bias, spread = np.mean(differences, axis=0), np.std(differences, axis=0)
        assert np.all(np.abs(bias) < 0.05), type(detector)
        assert np.all(spread < 0.06), type(detector)


def difference(one: Box, other: Box) -> tuple[float, float, float]:
    """Shift to the right, down, and growth, in sides of the other box."""
    return (
        (one[0] + one[2] / 2 - other[0] - other[2] / 2) / other[2],
        (one[1] + one[2] / 2 - other[1] - other[2] / 2) / other[2],
        one[2] / other[2] - 1,
    )


@pytest.mark.parametrize("side", [90, 180, 260])
@pytest.mark.parametrize("place", [(350, 10), (350, 200), (370, 110)])
def test_a_second_face_is_found_on_the_very_frame_on_which_it_enters(
    place: tuple[int, int], side: int
) -> None:
    alone = room((20, 150))
    both = alone.copy()
    portrait = cv2.resize(grey_astronaut()[10:220, 115:325], (side, side))
    both[place[1] : place[1] + side, place[0] : place[0] + side] = portrait
    found = follow(FaceSearch(HaarDetector()), [alone, alone, both, both])
    assert [one.search for one in found] == [
        *(Search.FIRST, Search.LOCAL),
        *(Search.CHANGED, Search.LOCAL),
    ]
    assert [len(one.detections) for one in found] == [1, 1, 2, 2]


def test_a_second_face_that_changes_nothing_in_the_scene_is_found_within_the_interval() -> None:
    detector, still = ScriptedDetector([face(50, 100)]), room()
    search = FaceSearch(detector, full_search_seconds=1.0)
    search.find(still, at(0))
    detector.whole = [face(50, 100), face(400, 100)]
    found = [search.find(still, at(STEP * number)) for number in range(1, 6)]
    assert [len(one.detections) for one in found] == [1, 1, 1, 1, 2]
    assert found[-1].search is Search.DUE
    assert detector.searched_whole == 2


def test_a_lost_face_is_sought_in_the_whole_frame_at_once() -> None:
    detector, still = ScriptedDetector([face(50, 100)]), room()
    search = FaceSearch(detector)
    search.find(still, at(0))
    detector.whole = [face(400, 200)]
    found = search.find(still, at(STEP))
    assert (found.search, boxes(found)) == (Search.LOST, [(400, 200, 100, 100)])


def test_a_face_that_has_jumped_through_the_room_is_found_on_the_same_frame() -> None:
    found = follow(FaceSearch(HaarDetector()), [room((20, 150)), room((420, 80))])
    assert len(found[1].detections) == 1
    assert found[1].detections[0].box[0] > 400


def test_while_nobody_is_known_every_frame_is_searched_as_a_whole() -> None:
    found = follow(FaceSearch(HaarDetector()), [room(), room(), room((200, 100))])
    assert [one.search for one in found] == [Search.FIRST, Search.LOST, Search.LOST]
    assert [len(one.detections) for one in found] == [0, 0, 1]


def test_a_face_that_was_missed_once_is_back_on_the_next_frame_without_a_whole_search() -> None:
    steady, flickering = face(50, 100), face(400, 100)
    detector, still = ScriptedDetector([steady, flickering]), room()
    search = FaceSearch(detector)
    search.find(still, at(0))
    detector.whole = [steady]
    assert search.find(still, at(0.2)).search is Search.LOST
    assert search.find(still, at(0.4)).search is Search.LOCAL
    detector.whole = [steady, flickering]
    found = search.find(still, at(0.6))
    assert (found.search, len(found.detections)) == (Search.LOCAL, 2)


def test_a_face_that_a_due_search_overlooks_is_sought_at_its_place_on_the_next_frame() -> None:
    steady, overlooked = face(50, 100), face(400, 100)
    detector, still = ScriptedDetector([steady, overlooked]), room()
    search = FaceSearch(detector)
    search.find(still, at(0))
    detector.whole = [steady]
    assert search.find(still, at(1)).search is Search.DUE
    detector.whole = [steady, overlooked]
    found = search.find(still, at(1.2))
    assert (found.search, len(found.detections)) == (Search.LOCAL, 2)


def test_one_face_in_the_reach_of_two_known_ones_counts_once_and_the_other_as_lost() -> None:
    one, other = face(100, 100), face(180, 100)
    detector, still = ScriptedDetector([one, other]), room()
    search = FaceSearch(detector)
    search.find(still, at(0))
    moved = face(140, 100, score=0.9)
    detector.near = {one.box: [moved], other.box: [moved]}
    detector.whole = [moved]
    found = search.find(still, at(STEP))
    assert (found.search, found.detections) == (Search.LOST, [moved])


def test_a_hint_that_is_too_old_is_not_used() -> None:
    detector, still = ScriptedDetector([face(50, 100)]), room()
    search = FaceSearch(detector, full_search_seconds=1.0)
    search.find(still, at(0))
    assert search.find(still, at(1.0)).search is Search.DUE
    assert detector.searched_near == []


def test_with_an_interval_of_zero_every_frame_is_searched_as_a_whole() -> None:
    found = follow(FaceSearch(HaarDetector(), full_search_seconds=0), [room((50, 100))] * 3)
    assert [one.search for one in found] == [Search.FIRST, Search.DUE, Search.DUE]


def test_a_frame_that_was_overtaken_is_searched_as_a_whole_and_leaves_the_hint_alone() -> None:
    detector, still = ScriptedDetector([face(50, 100)]), room()
    search = FaceSearch(detector)
    search.find(still, at(0.4))
    detector.whole = [face(400, 300)]
    assert search.find(still, at(0.2)).search is Search.FIRST
    detector.whole = [face(50, 100)]
    assert search.find(still, at(0.6)).search is Search.LOCAL
    assert detector.searched_near == [(50, 100, 100, 100)]


def test_a_camera_whose_time_begins_anew_is_followed_from_there() -> None:
    still = room((50, 100))
    search = FaceSearch(HaarDetector())
    search.find(still, at(500))
    assert search.find(still, at(0)).search is Search.FIRST
    assert search.find(still, at(0.2)).search is Search.LOCAL


def test_frames_of_another_size_are_searched_as_a_whole() -> None:
    search = FaceSearch(HaarDetector())
    search.find(room((50, 100)), at(0))
    small = np.asarray(cv2.resize(room((50, 100)), (320, 240)), dtype=np.uint8)
    assert search.find(small, at(0.2)).search is Search.FIRST


def test_cameras_do_not_share_hints_and_only_so_many_are_remembered() -> None:
    still = room((50, 100))
    search = FaceSearch(HaarDetector(), most_cameras=2)
    for camera in ("a", "b", "c"):
        assert search.find(still, at(0, camera)).search is Search.FIRST
    assert search.find(still, at(0.2, "b")).search is Search.LOCAL
    assert search.find(still, at(0.2, "c")).search is Search.LOCAL
    assert search.find(still, at(0.2, "a")).search is Search.FIRST


def test_a_frame_without_camera_and_time_leaves_no_hint() -> None:
    search = FaceSearch(HaarDetector())
    assert search.find(room((50, 100))).search is Search.FIRST
    assert search.find(room((50, 100)), at(0)).search is Search.FIRST


def test_two_workers_that_take_turns_find_what_one_finds(shared_data: Path) -> None:
    frames = clip_frames(shared_data / "clips" / "sad_to_happy.mp4", every=5)[:24]
    workers = [FaceSearch(HaarDetector()), FaceSearch(HaarDetector())]
    shared = [
        workers[place % 2].find(frame, at(place * STEP)) for place, frame in enumerate(frames)
    ]
    alone = follow(FaceSearch(HaarDetector()), frames)
    assert [one.search for one in shared[:4]] == [Search.FIRST] * 2 + [Search.LOCAL] * 2
    assert [len(one.detections) for one in shared] == [len(one.detections) for one in alone]
    for one, other in zip(shared, alone, strict=True):
        assert all(
            overlap(first, second) > 0.6
            for first, second in zip(boxes(one), boxes(other), strict=True)
        )


def test_yunet_is_followed_in_the_same_way(shared_data: Path) -> None:
    frames = clip_frames(shared_data / "clips" / "sad_to_happy.mp4", every=5)[:24]
    found = follow(FaceSearch(YuNetDetector(shared_data / "face_detection_yunet.onnx")), frames)
    assert all(len(one.detections) == 1 for one in found)
    assert sum(one.search is Search.LOCAL for one in found) >= 15


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (0.7, 0.0), (1.1, -15.0), (1.0, 25.0)])
def test_noise_and_light_are_no_change_of_scene(gain: float, offset: float) -> None:
    random = np.random.default_rng(5)
    before = room((50, 100)).astype(np.float64)
    after = before * gain + offset + random.normal(0, 8, before.shape)
    thumbnails = [shrink(np.clip(frame, 0, 255).astype(np.uint8)) for frame in (before, after)]
    nothing = zone_mask([], shape=(480, 640))
    assert not has_changed(thumbnails[1], thumbnails[0], ignored=nothing)


def test_what_moves_with_a_known_face_is_no_change_and_all_else_is() -> None:
    before, after = shrink(room((50, 100))), shrink(room((60, 100)))
    box = (95, 145, 100, 100)
    assert has_changed(after, before, ignored=zone_mask([], shape=(480, 640)))
    assert not has_changed(after, before, ignored=zone_mask([(50, 90, 190, 190)], shape=(480, 640)))
    entering = shrink(room((50, 100), (400, 100)))
    assert has_changed(entering, before, ignored=zone_mask([box], shape=(480, 640)))


def test_a_face_that_fills_the_frame_leaves_nothing_to_compare() -> None:
    thumbnail = shrink(room())
    everything = zone_mask([(-100, -100, 900, 900)], shape=(480, 640))
    assert everything.all()
    assert not has_changed(thumbnail * 0, thumbnail, ignored=everything)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (24, 24)])
def test_frames_of_any_shape_are_followed(shape: tuple[int, int]) -> None:
    search = FaceSearch(HaarDetector())
    frame = np.full(shape, 90, dtype=np.uint8)
    assert [one.detections for one in follow(search, [frame, frame])] == [[], []]
