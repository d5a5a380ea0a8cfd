import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fer_pictures import astronaut, grey_astronaut, jpeg
from PIL import Image

from moodcue_fer.pictures import PictureError, decode_grey


def encoded(picture: np.ndarray, suffix: str) -> bytes:
    return bytes(cv2.imencode(suffix, picture)[1].tobytes())


def test_a_cut_off_jpeg_is_refused_although_opencv_would_fill_it_with_grey() -> None:
    whole = jpeg(astronaut())
    with pytest.raises(PictureError, match=f"cut off after {len(whole) // 2} bytes"):
        decode_grey(whole[: len(whole) // 2])


def test_a_jpeg_whose_thumbnail_is_whole_is_still_refused_when_cut_off() -> None:
    thumbnail = jpeg(astronaut()[::16, ::16])
    exif = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    whole = jpeg(astronaut())
    with_thumbnail = whole[:2] + exif + whole[2:]
    assert decode_grey(with_thumbnail).shape == (512, 512)
    with pytest.raises(PictureError, match="cut off"):
        decode_grey(with_thumbnail[:-2000])


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\xff\xd8\xff", bytes(1000)])
def test_what_is_no_picture_is_refused_with_a_clear_error(data: bytes) -> None:
    with pytest.raises(PictureError, match=r"picture|JPEG"):
        decode_grey(data)


def test_one_pixel_is_a_picture() -> None:
    assert decode_grey(encoded(np.full((1, 1, 3), 90, dtype=np.uint8), ".png")).tolist() == [[90]]


def test_grey_sixteen_bit_alpha_and_cmyk_pictures_are_read_as_the_same_face() -> None:
    picture, grey = astronaut(), grey_astronaut()
    cmyk = io.BytesIO()
    Image.fromarray(picture[..., ::-1]).convert("CMYK").save(cmyk, "JPEG", quality=95)
    variants = {
        "grey": encoded(grey, ".png"),
        "sixteen bit": encoded(grey.astype(np.uint16) * 257, ".png"),
        "alpha": encoded(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA), ".png"),
        "cmyk": cmyk.getvalue(),
    }
    for name, data in variants.items():
        difference = np.abs(decode_grey(data).astype(int) - grey).mean()
        assert difference < 3, name


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".tiff"])
def test_a_cut_off_picture_of_another_format_is_refused_or_keeps_its_size(suffix: str) -> None:
    whole = encoded(astronaut(), suffix)
    with contextlib.suppress(PictureError):
        assert decode_grey(whole[: len(whole) // 2]).shape == (512, 512)


FACTS = """
import json, sys, time
from pathlib import Path
from moodcue_fer.pictures import PictureError, read_grey
start = time.perf_counter()
try:
    told = str(read_grey(Path(sys.argv[1])).shape)
except PictureError as error:
    told = str(error)
seconds = time.perf_counter() - start
lines = Path("/proc/self/status").read_text().splitlines()
peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
print(json.dumps({"told": told, "seconds": seconds, "peak_mb": peak / 1024}))
"""


def facts_of_reading(file: Path) -> dict[str, Any]:
    """Read a picture in a process of its own, because this one has loaded OpenCV before us."""
    done = subprocess.run([sys.executable, "-c", FACTS, file], capture_output=True, check=True)
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_fifty_megapixels_are_refused_at_once_with_what_to_do(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"large{suffix}"
    file.write_bytes(encoded(np.zeros((7100, 7100), dtype=np.uint8), suffix))
    facts = facts_of_reading(file)
    assert "more pixels than the 16.8 million that are read: make it smaller" in facts["told"]
    assert facts["seconds"] < 0.2
    assert facts["peak_mb"] < 150


def test_sixteen_megapixels_are_read_within_the_memory_of_a_worker(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    portrait = cv2.resize(astronaut(), (4096, 4096), interpolation=cv2.INTER_CUBIC)
    file.write_bytes(jpeg(np.asarray(portrait, dtype=np.uint8)))
    facts = facts_of_reading(file)
    assert facts["told"] == "(4096, 4096)"
    assert facts["peak_mb"] < 200


def test_a_small_file_that_claims_four_hundred_megapixels_is_refused(tmp_path: Path) -> None:
    small = jpeg(astronaut())
    size_at = small.index(b"\xff\xc0") + 5
    file = tmp_path / "bomb.jpg"
    file.write_bytes(small[:size_at] + (20_000).to_bytes(2, "big") * 2 + small[size_at + 4 :])
    assert "make it smaller" in facts_of_reading(file)["told"]
