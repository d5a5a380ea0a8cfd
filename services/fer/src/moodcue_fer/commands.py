"""The data command predict: a stream of plain records."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from moodcue.events import Face
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.analysis import FaceAnalyser
from moodcue_fer.faces import Detection, GreyPicture, crop_whole
from moodcue_fer.pictures import PictureError, read_grey

Record = dict[str, Any]


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
        faces = _read_crop(grey, analyser) if is_crop else analyser.analyse(grey).faces
        yield {"path": str(path), "faces": [_face_record(face) for face in faces]}


def _read_crop(grey: GreyPicture, analyser: FaceAnalyser) -> tuple[Face, ...]:
    height, width = grey.shape
    whole = Detection(box=(0, 0, width, height), score=1.0)
    crops = crop_whole(grey)[np.newaxis]
    return analyser.infer([whole], crops=crops, looks=analyser.judge(grey, [whole], crops=crops))


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
        "frontality": face.frontality,
    }
