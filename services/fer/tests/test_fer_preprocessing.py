import numpy as np
import pytest

from moodcue_fer.preprocessing import preprocess


def ramp() -> np.ndarray:
    """Columns of the grey levels 0, 5, 10, ... 235."""
    return np.tile(np.arange(48, dtype=np.uint8) * 5, (48, 1))


def test_golden_values_of_a_ramp() -> None:
    # Mean 117.5; deviation 5 * sqrt((48^2 - 1) / 12) = 69.267.
    row = preprocess(ramp()[np.newaxis])[0, 0, 0]
    assert row[[0, 1, 24, 47]] == pytest.approx(
        [-1.6963446, -1.6241597, 0.0360924, 1.6963446], abs=1e-5
    )


def test_light_and_contrast_of_the_whole_face_change_nothing() -> None:
    dim = (ramp() // 5 + 30).astype(np.uint8)
    both = preprocess(np.stack([ramp(), dim]))
    assert both[0] == pytest.approx(both[1], abs=1e-5)


def test_a_flat_crop_is_not_blown_up() -> None:
    noisy = np.full((1, 48, 48), 20, dtype=np.uint8)
    noisy[0, ::2] = 21
    assert np.abs(preprocess(noisy)).max() == pytest.approx(0.125)


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros((1, 48, 47), dtype=np.uint8),
        np.zeros((48, 48), dtype=np.uint8),
        np.zeros((1, 48, 48), dtype=np.float32),
    ],
)
def test_another_shape_or_type_is_refused(crops: np.ndarray) -> None:
    with pytest.raises(ValueError, match="crops must be uint8 of shape"):
        preprocess(crops)
