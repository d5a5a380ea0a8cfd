"""The data commands predict and baseline, as plain records."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from moodcue.events import Face
from moodcue.model_folder import ModelManifest
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.analysis import FaceAnalyser
from moodcue_fer.clips import Source
from moodcue_fer.faces import Detection, GreyPicture, crop_whole
from moodcue_fer.personal import NeutralBaseline, baseline
from moodcue_fer.pictures import PictureError, decode_grey, read_grey
from moodcue_fer.search import Moment

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


def make_baseline(
    source: Source, *, analyser: FaceAnalyser, manifest: ModelManifest, out: Path
) -> Record:
    """Write the mean reading of a person's face at rest as a file of `NeutralBaseline`.

    Args:
        source: Some seconds, or some pictures, of one person with a neutral face. Of each frame
            the largest face counts.
        analyser: Reads a frame, not fitted to anybody.
        manifest: Of its model.
        out: The file.

    Raises:
        PictureError: No frame shows a face that can be read.
    """
    frames, rows = 0, []
    for body, at in source.frames():
        frames += 1
        faces = analyser.analyse(decode_grey(body), Moment(camera="baseline", time=at)).faces
        if faces and faces[0].probabilities is not None:
            rows.append(faces[0].probabilities)
    if not rows:
        raise PictureError(f"{source.path}: none of {frames} frames shows a face that can be read")
    own = baseline(np.array(rows, dtype=np.float32))
    kept = NeutralBaseline(
        model_sha256=manifest.sha256, faces=len(rows), log_probabilities=tuple(own.tolist())
    )
    out.write_bytes(msgspec.json.format(msgspec.json.encode(kept)) + b"\n")
    means = np.array(rows).mean(axis=0)
    return {
        "out": str(out),
        "frames": frames,
        "faces": len(rows),
        "read_as": dict(zip(EMOTIONS, means.tolist(), strict=True)),
    }


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
