"""The data commands predict and bench, each a stream of plain records."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from moodcue.codec import encode
from moodcue.events import Face, FaceEmotion, FrameStatus
from moodcue.identity import new_id, new_trace
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.analysis import FaceAnalyser
from moodcue_fer.faces import Detection, GreyPicture, crop_whole
from moodcue_fer.pictures import PictureError, decode_grey, read_grey

Record = dict[str, Any]

JPEG_QUALITY: Final = 85


class StopWatch:
    """Notes the seconds that each stage takes, every time it runs."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        start = time.perf_counter()
        yield
        self.seconds.setdefault(name, []).append(time.perf_counter() - start)


def predict(paths: Iterable[Path], *, analyser: FaceAnalyser, is_crop: bool) -> Iterator[Record]:
    """Read the faces of pictures, one record per picture, an `error` where one is unreadable.

    Args:
        paths: Picture files.
        analyser: Reads a picture.
        is_crop: Every picture is a face already.
    """
    for path in paths:
        try:
            grey = read_grey(path)
        except PictureError as error:
            yield {"path": str(path), "error": str(error)}
            continue
        faces = _read_crop(grey, analyser) if is_crop else analyser.analyse(grey)
        yield {"path": str(path), "faces": [_face_record(face) for face in faces]}


def bench(clip: Path, *, analyser: FaceAnalyser) -> Record:
    """Measure each stage of the worker over the frames of a clip, one after the other.

    Args:
        clip: Video file; its frames are encoded to JPEG before the clock runs.
        analyser: Reads a frame.

    Raises:
        PictureError: The clip has no readable frame.
    """
    watch = StopWatch()
    with_face = 0
    for body in _jpeg_frames(clip):
        with watch.stage("decode"):
            grey = decode_grey(body)
        with watch.stage("detect"):
            found = analyser.detect(grey)
        with watch.stage("crop"):
            crops = analyser.crop(grey, found)
        with watch.stage("infer"):
            faces = analyser.infer(found, crops=crops)
        with watch.stage("encode"):
            encode(_event(faces))
        with_face += bool(found)
    spent = watch.seconds
    frames = len(spent.get("decode", ()))
    if frames == 0:
        raise PictureError(f"{clip} has no readable frame")
    seconds = sum(sum(times) for times in spent.values())
    return {
        "clip": str(clip),
        "frames": frames,
        "frames_per_second": frames / seconds,
        "share_with_face": with_face / frames,
        "milliseconds": {
            stage: {
                "median": float(np.median(times)) * 1000,
                "p95": float(np.percentile(times, 95)) * 1000,
            }
            for stage, times in spent.items()
        },
    }


def _read_crop(grey: GreyPicture, analyser: FaceAnalyser) -> tuple[Face, ...]:
    height, width = grey.shape
    whole = Detection(box=(0, 0, width, height), score=1.0)
    return analyser.infer([whole], crops=crop_whole(grey)[np.newaxis])


def _face_record(face: Face) -> Record:
    named = None
    if face.probabilities is not None:
        named = dict(zip(EMOTIONS, face.probabilities, strict=True))
    return {
        "box": list(face.box),
        "score": face.score,
        "probabilities": named,
        "sharpness": face.sharpness,
        "brightness": face.brightness,
    }


def _jpeg_frames(clip: Path) -> Iterator[bytes]:
    video = cv2.VideoCapture(str(clip))
    try:
        while True:
            there, picture = video.read()
            if not there:
                return
            _, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
            yield jpeg.tobytes()
    finally:
        video.release()


def _event(faces: tuple[Face, ...]) -> FaceEmotion:
    return FaceEmotion(
        id=new_id(),
        source="fer/bench",
        seq=1,
        time=time.time_ns(),
        trace=new_trace(),
        camera="bench",
        frame_id=new_id(),
        frame_seq=1,
        rate=5.0,
        width=1,
        height=1,
        status=FrameStatus.OK if faces else FrameStatus.NO_FACE,
        faces=faces,
    )
