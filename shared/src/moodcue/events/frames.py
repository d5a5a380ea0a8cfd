"""Pictures, and the faces that are read in them."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from moodcue.events.event import Box, Event, Name, Seven
from moodcue.taxonomy import BASIC_7


class Frame(Event, frozen=True, kw_only=True, tag="frame.v1"):
    """A picture of a camera; the JPEG is the body of the message."""

    camera: Name
    width: Annotated[int, Meta(ge=1)]
    height: Annotated[int, Meta(ge=1)]
    rate: Annotated[float, Meta(gt=0, description="nominal frames per second of the camera")]
    encoding: str = "jpeg"


class FaceProblem(StrEnum):
    """Why a face that was found is not read."""

    TOO_SMALL = "too_small"
    TOO_DARK = "too_dark"
    TOO_BLURRED = "too_blurred"
    TURNED_AWAY = "turned_away"


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """One face of a frame; `probabilities` is absent where a problem forbids a guess."""

    box: Box
    score: Annotated[float, Meta(ge=0, le=1, description="confidence of the detector")]
    probabilities: Seven | None = None
    sharpness: Annotated[float, Meta(ge=0, description="variance of the Laplacian")] = 0.0
    brightness: Annotated[float, Meta(ge=0, le=1, description="mean grey level")] = 0.0
    problem: FaceProblem | None = None
    size: Annotated[int, Meta(ge=0, description="side of the box in pixels of the frame")] = 0
    frontality: Annotated[
        float, Meta(ge=0, le=1, description="1 looks at the camera, 0 is a profile")
    ] = 1.0
    appearance: Annotated[
        tuple[float, ...],
        Meta(max_length=64, description="looks of a person, to tell people apart; no picture"),
    ] = ()


class FrameStatus(StrEnum):
    """What came of a frame."""

    OK = "ok"
    NO_FACE = "no_face"
    BAD_FRAME = "bad_frame"


class FaceEmotion(Event, frozen=True, kw_only=True, tag="face_emotion.v1"):
    """The faces of one frame. `time` and `trace` are those of the frame."""

    camera: Name
    frame_id: str
    frame_seq: Annotated[int, Meta(ge=1)]
    rate: Annotated[float, Meta(gt=0, description="nominal frames per second of the camera")]
    width: Annotated[int, Meta(ge=0)]
    height: Annotated[int, Meta(ge=0)]
    status: FrameStatus
    faces: tuple[Face, ...] = ()
    labels: str = BASIC_7
    detail: str = ""
    inference_seconds: Annotated[float, Meta(ge=0, description="decode to probabilities")] = 0.0
