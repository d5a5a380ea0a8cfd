"""Cameras that send prepared pictures: one process carries many, each on a socket of its own."""

import heapq
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

import cv2
import numpy as np
import zmq

from moodcue.bus import FRAME_HWM, BusAddress, Port, Publisher
from moodcue.events import Frame
from moodcue.identity import new_id, new_source, new_trace
from moodcue.topics import Family, topic
from moodcue_camera.encoding import encode_jpeg
from moodcue_camera.moods import parse_moods
from moodcue_camera.synthetic import SyntheticPeople

CONNECT_SECONDS: Final = 30.0
LONGEST_SLEEP_SECONDS: Final = 0.02
MOODS: Final = "happiness 3, sadness 3"
JPEG_QUALITY: Final = 85
PEOPLE_SIZE: Final = (640, 480)
TINY_SIZE: Final = (16, 16)


@dataclass(frozen=True, kw_only=True)
class CameraPlan:
    """What a camera sends.

    Attributes:
        name: Of the camera.
        rate: Frames per second, above 0.
        pictures: JPEGs, sent in turn.
        size: Width and height of the pictures.
    """

    name: str
    rate: float
    pictures: Sequence[bytes]
    size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What cameras did.

    Attributes:
        frames: Sent to the broker.
        refused: Not sent, because the queue to the broker was full.
        late: Not sent, because this process did not keep up.
    """

    frames: int = 0
    refused: int = 0
    late: int = 0

    def __add__(self, other: "Sent") -> "Sent":
        return Sent(
            frames=self.frames + other.frames,
            refused=self.refused + other.refused,
            late=self.late + other.late,
        )


def tiny_picture(length: int) -> bytes:
    """Return a JPEG of 16x16 pixels, decoded in no time, that is followed by zeros to a length.

    Args:
        length: In bytes, at least that of the picture itself.
    """
    _, jpeg = cv2.imencode(".jpg", np.full(TINY_SIZE, 128, np.uint8))
    return jpeg.tobytes().ljust(length, b"\0")


def send_frames(pipe: Connection, address: BusAddress, plans: Sequence[CameraPlan]) -> None:
    """Be the process of some cameras: connect, say so, send from the word on until the next word.

    The answer to the second word is a `Sent`.
    """
    with zmq.Context() as context:
        cameras = [_Camera(context, address, plan) for plan in plans]
        try:
            for camera in cameras:
                camera.wait_until_connected()
            pipe.send(None)
            pipe.recv()
            _send_until_told(pipe, cameras)
        finally:
            for camera in cameras:
                camera.close()
        pipe.send(sum((camera.sent for camera in cameras), Sent()))


class _Camera:
    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], address: BusAddress, plan: CameraPlan
    ) -> None:
        self._plan = plan
        self._topic = topic(Family.FRAME, plan.name)
        self._publisher = Publisher(
            context,
            address,
            source=new_source("camera", plan.name),
            port=Port.FRAMES_IN,
            hwm=FRAME_HWM,
        )
        self._frames = self._late = 0
        self.seconds_per_frame = 1 / plan.rate

    def wait_until_connected(self) -> None:
        if not self._publisher.wait_until_connected(CONNECT_SECONDS):
            raise TimeoutError(f"{self._plan.name}: no broker within {CONNECT_SECONDS:g} s")

    def send(self) -> None:
        pictures = self._plan.pictures
        picture = pictures[self._frames % len(pictures)]
        frame = Frame(
            id=new_id(),
            source=self._publisher.source,
            seq=self._publisher.next_seq(self._topic),
            time=time.time_ns(),
            trace=new_trace(),
            camera=self._plan.name,
            width=self._plan.size[0],
            height=self._plan.size[1],
            rate=self._plan.rate,
        )
        self._publisher.send(self._topic, frame, picture)
        self._frames += 1

    def skip(self, frames: int) -> None:
        self._late += frames

    @property
    def sent(self) -> Sent:
        refused = self._publisher.dropped
        return Sent(frames=self._frames - refused, refused=refused, late=self._late)

    def close(self) -> None:
        self._publisher.close(linger_ms=int(CONNECT_SECONDS * 1000))


def _send_until_told(pipe: Connection, cameras: Sequence[_Camera]) -> None:
    start = time.monotonic()
    # Each begins at a moment of its own, or all would send at once, in every period.
    due = [
        (start + random.random() * camera.seconds_per_frame, place)
        for place, camera in enumerate(cameras)
    ]
    heapq.heapify(due)
    while not pipe.poll():
        now = time.monotonic()
        while due[0][0] <= now:
            at, place = due[0]
            period = cameras[place].seconds_per_frame
            behind = int((now - at) / period)
            cameras[place].skip(behind)
            cameras[place].send()
            heapq.heapreplace(due, (at + period * (behind + 1), place))
        time.sleep(min(due[0][0] - now, LONGEST_SLEEP_SECONDS))
    pipe.recv()


def people(count: int, *, pictures: int, rate: float) -> list[list[bytes]]:
    """Draw synthetic people, as `moodcue-camera` sends them.

    Args:
        count: How many people.
        pictures: Of each, one after the other; at the end they run backwards, so that they can
            be repeated without a jump.
        rate: Pictures per second.

    Returns:
        JPEGs of 640x480 pixels.
    """
    drawn = []
    for seed in range(count):
        camera = SyntheticPeople(parse_moods(MOODS), seed=seed)
        images = [camera.picture_at(number / rate) for number in range(pictures)]
        once = [
            encode_jpeg(image, quality=JPEG_QUALITY).data for image in images if image is not None
        ]
        drawn.append(once + once[-2:0:-1])
    return drawn
