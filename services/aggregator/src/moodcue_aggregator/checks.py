"""What the contract's types cannot say about the events that this service reads."""

import math

from moodcue.codec import Message
from moodcue.errors import ProtocolError
from moodcue.events import EmotionWindow, Face, FaceEmotion, RecommendationRequest
from moodcue.identity import NS_PER_SECOND
from moodcue.taxonomy import BASIC_7
from moodcue.topics import Family, topic

MAX_FACES = 100
_MAX_RATE = 1000.0
_MAX_TIME = 2**62
_MAX_NUMBER = 2**53
_MAX_FIGURE = 1e6


def check_face_emotion(message: Message) -> FaceEmotion:
    """Return the event of a message, fit for the arithmetic of windows.

    Raises:
        ProtocolError: naming the value that is not usable.
    """
    event = message.event
    if not isinstance(event, FaceEmotion):
        raise ProtocolError(f"{message.topic} brought {type(event).__name__}, not FaceEmotion")
    _check_topic(message.topic, Family.FACE_EMOTION, event.camera)
    if event.labels != BASIC_7:
        raise ProtocolError(f"label set {event.labels!r} is unknown here; known: {BASIC_7}")
    if event.rate > _MAX_RATE:
        raise ProtocolError(f"a rate of {event.rate:g} frames per second; at most {_MAX_RATE:g}")
    if event.time > _MAX_TIME:
        raise ProtocolError(f"capture time {event.time} lies beyond the year 2116")
    if len(event.faces) > MAX_FACES:
        raise ProtocolError(f"{len(event.faces)} faces in one frame; at most {MAX_FACES}")
    for face in event.faces:
        _check_face(face, event)
    return event


def _check_face(face: Face, event: FaceEmotion) -> None:
    if event.width < 1 or event.height < 1:
        raise ProtocolError(f"faces in a frame of {event.width} x {event.height} pixels")
    if face.box[2] < 1 or face.box[3] < 1:
        raise ProtocolError(f"a face's box {face.box} has no area")
    if face.probabilities is not None and math.fsum(face.probabilities) <= 0:
        raise ProtocolError("probabilities of a face are all zero; an unread face has none")
    for figure in face.appearance:
        if not abs(figure) <= _MAX_FIGURE:
            raise ProtocolError(f"a figure {figure:g} of a face's appearance is unusable")


def check_past_window(message: Message) -> EmotionWindow:
    """Return the event of a message, fit to go on from.

    Raises:
        ProtocolError: naming the value that is not usable.
    """
    event = message.event
    if not isinstance(event, EmotionWindow):
        raise ProtocolError(f"{message.topic} brought {type(event).__name__}, not EmotionWindow")
    _check_topic(message.topic, Family.EMOTION_WINDOW, event.camera)
    if not event.start < event.end <= _MAX_TIME:
        raise ProtocolError(f"a window from {event.start} to {event.end} is none")
    seconds = (event.end - event.start) / NS_PER_SECOND
    if event.frames_expected > _MAX_RATE * seconds + 1:
        raise ProtocolError(f"{event.frames_expected} frames expected in {seconds:g} s")
    people = [*(each.track for each in event.tracks), *(each.track for each in event.opted_out)]
    for number in (event.seq, *people):
        if number > _MAX_NUMBER:
            raise ProtocolError(f"a window or a person numbered {number}")
    return event


def check_request(message: Message) -> RecommendationRequest:
    """Return the event of a message, fit to be followed.

    Raises:
        ProtocolError: naming the value that is not usable.
    """
    event = message.event
    if not isinstance(event, RecommendationRequest):
        raise ProtocolError(f"{message.topic} brought {type(event).__name__}, not a request")
    _check_topic(message.topic, Family.REQUEST, event.camera)
    for number in (event.opt_out, event.opt_in):
        if number is not None and number > _MAX_NUMBER:
            raise ProtocolError(f"a person numbered {number}")
    return event


def _check_topic(name: str, family: Family, camera: str) -> None:
    if name != topic(family, camera):
        raise ProtocolError(f"an event of camera {camera!r} came on topic {name!r}")
