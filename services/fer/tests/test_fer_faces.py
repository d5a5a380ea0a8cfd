from pathlib import Path

import cv2
import numpy as np
import pytest
from fer_pictures import ASTRONAUT_FACE, clip_frames, grey_astronaut

from moodcue.errors import ModelError
from moodcue_fer.detectors import MOST_PLACES, HaarDetector, YuNetDetector
from moodcue_fer.faces import (
    Detection,
    brightness,
    crop_face,
    crop_whole,
    merge,
    overlap,
    reduce,
    sharpness,
)


def test_haar_finds_the_one_face_of_a_portrait_around_the_nose() -> None:
    (found,) = HaarDetector().detect(grey_astronaut())
    left, top, width, height = found.box
    assert width == height
    assert 80 < width < 130
    assert (left + width / 2, top + height / 2) == pytest.approx(ASTRONAUT_FACE, abs=12)
    assert 0 < found.score < 1


@pytest.mark.parametrize("scale", [0.5, 2.0, 4.0])
def test_boxes_are_in_pixels_of_the_full_frame(scale: float) -> None:
    frame = np.asarray(cv2.resize(grey_astronaut(), None, fx=scale, fy=scale), dtype=np.uint8)
    (found,) = HaarDetector().detect(frame)
    left, _, width, _ = found.box
    assert (left + width / 2) / scale == pytest.approx(ASTRONAUT_FACE[0], abs=14)


def test_two_faces_come_largest_first() -> None:
    portrait = grey_astronaut()[:256, 96:352]
    frame = np.zeros((384, 512), dtype=np.uint8)
    frame[:160, :160] = cv2.resize(portrait, (160, 160))
    frame[64:320, 256:512] = portrait
    small, large = sorted(HaarDetector().detect(frame), key=lambda found: found.box[2])
    assert HaarDetector().detect(frame) == [large, small]
    assert small.box[0] < 160 < large.box[0]


@pytest.mark.parametrize("shape", [(1, 1), (10, 400), (480, 640)])
def test_a_frame_without_a_face_gives_none(shape: tuple[int, int]) -> None:
    assert HaarDetector().detect(np.full(shape, 90, dtype=np.uint8)) == []


def test_haar_finds_the_face_in_nearly_every_frame_of_the_clip(shared_data: Path) -> None:
    frames = clip_frames(shared_data / "clips" / "sad_to_happy.mp4", every=12)
    found = [HaarDetector().detect(frame) for frame in frames]
    assert sum(len(faces) == 1 for faces in found) >= 0.95 * len(frames)


def test_yunet_gives_the_framing_of_haar(shared_data: Path) -> None:
    yunet = YuNetDetector(shared_data / "face_detection_yunet.onnx")
    frames = [
        grey_astronaut(),
        *clip_frames(shared_data / "clips" / "sad_to_happy.mp4", every=48),
    ]
    shares = [
        overlap(HaarDetector().detect(frame)[0].box, yunet.detect(frame)[0].box) for frame in frames
    ]
    assert float(np.median(shares)) > 0.7
    for shape in ((480, 640), (1, 1), (3, 2000)):
        assert yunet.detect(np.full(shape, 90, dtype=np.uint8)) == []


def test_a_missing_or_foreign_yunet_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="MOODCUE_FER_YUNET_MODEL"):
        YuNetDetector(tmp_path / "none.onnx")
    (tmp_path / "foreign.onnx").write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"foreign\.onnx is not a YuNet model"):
        YuNetDetector(tmp_path / "foreign.onnx")


def test_one_face_found_twice_is_one_and_that_of_the_higher_score() -> None:
    low = Detection(box=(0, 0, 100, 100), score=0.5)
    high = Detection(box=(10, 0, 100, 100), score=0.9)
    beside = Detection(box=(90, 0, 120, 120), score=0.4)
    assert merge([low, high, beside]) == [beside, high]
    assert overlap(low.box, high.box) == pytest.approx(90 / 110)
    assert overlap(low.box, (100, 0, 100, 100)) == 0


@pytest.mark.parametrize("box", [(900, 900, 50, 50), (-200, 10, 90, 90), (0, 0, 1, 1)])
def test_near_a_box_beside_the_frame_there_is_no_face(
    shared_data: Path, box: tuple[int, int, int, int]
) -> None:
    assert HaarDetector().detect_near(grey_astronaut(), box) == []
    yunet = YuNetDetector(shared_data / "face_detection_yunet.onnx")
    assert yunet.detect_near(grey_astronaut(), box) == []


def test_a_carpet_of_places_that_may_be_faces_is_searched_in_bounded_time() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (480, 640), dtype=np.uint8)
    assert len(HaarDetector().detect(noise)) <= MOST_PLACES


def test_a_crop_of_the_right_size_comes_back_as_it_is() -> None:
    face = grey_astronaut()[90:138, 200:248]
    assert np.array_equal(crop_whole(face), face)
    assert np.array_equal(crop_face(grey_astronaut(), (200, 90, 48, 48)), face)


@pytest.mark.parametrize(
    ("box", "inside"),
    [((-24, 0, 48, 48), (slice(None), slice(24, None))), ((0, 488, 48, 48), (slice(24), ...))],
)
def test_a_box_over_the_border_repeats_the_border(
    box: tuple[int, int, int, int], inside: tuple[slice, slice]
) -> None:
    frame = grey_astronaut()
    crop = crop_face(frame, box)
    assert crop.shape == (48, 48)
    left, top = max(box[0], 0), box[1]
    seen = frame[top : top + 48, left : left + 48][:, : min(48, box[0] + 48)]
    assert np.array_equal(crop[inside], seen)
    border = crop[:, :24] if box[0] < 0 else crop[24:]
    expected = frame[0:48, :1] if box[0] < 0 else frame[-1:, :48]
    assert np.array_equal(border, np.broadcast_to(expected, border.shape))


def test_an_oblong_box_is_not_distorted() -> None:
    frame = np.zeros((200, 200), dtype=np.uint8)
    cv2.circle(frame, (100, 100), 30, 255, -1)
    crop = crop_face(frame, (80, 50, 40, 100))
    rows, columns = np.flatnonzero(crop.max(axis=1) > 127), np.flatnonzero(crop.max(axis=0) > 127)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=1)


@pytest.mark.parametrize("box", [(0, 0, 0, 10), (600, 0, 20, 20), (-30, 5, 30, 30)])
def test_a_box_beside_the_picture_is_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="does not lie in a picture of 512x512"):
        crop_face(grey_astronaut(), box)


def test_reducing_keeps_small_pictures_and_names_the_ratio() -> None:
    small, ratio = reduce(np.zeros((360, 640), dtype=np.uint8), longer_side=320)
    assert (small.shape, ratio) == ((180, 320), 2.0)
    same, one = reduce(small, longer_side=640)
    assert same is small
    assert one == 1.0


def test_a_blurred_face_is_less_sharp_and_a_dim_one_less_bright() -> None:
    face = crop_face(grey_astronaut(), (174, 64, 98, 98))
    blurred = np.asarray(cv2.GaussianBlur(face, (0, 0), 3), dtype=np.uint8)
    assert sharpness(blurred) < 80 < sharpness(face)
    assert sharpness(np.full((48, 48), 7, dtype=np.uint8)) == 0
    assert brightness(face // 8) < 0.12 < brightness(face)
    assert brightness(np.full((48, 48), 255, dtype=np.uint8)) == 1
