import cv2
import numpy as np
import pytest

from moodcue_camera.encoding import encode_jpeg, fit
from moodcue_camera.sources import Image


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((480, 1280), (240, 640)), ((1280, 480), (640, 240)), ((5000, 2), (640, 1))],
)
def test_a_large_picture_is_shrunk_in_proportion(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert fit(noise(*size), max_size=640).shape == (*expected, 3)


def test_a_small_picture_is_left_alone() -> None:
    image = noise(48, 64)
    assert fit(image, max_size=640) is image


def test_a_jpeg_carries_its_size_and_can_be_read() -> None:
    jpeg = encode_jpeg(noise(48, 64), quality=85)
    decoded = cv2.imdecode(np.frombuffer(jpeg.data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (48, 64, 3)
    assert (jpeg.width, jpeg.height) == (64, 48)


def test_quality_decides_the_size_in_bytes() -> None:
    image = noise(48, 64)
    sizes = [len(encode_jpeg(image, quality=quality).data) for quality in (10, 50, 95)]
    assert sizes == sorted(sizes)
    assert sizes[0] * 2 < sizes[-1]
