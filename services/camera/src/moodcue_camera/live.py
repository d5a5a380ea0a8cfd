"""Sources that come by in their own time: a webcam, a network stream."""

import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Protocol

import cv2
import numpy as np
import structlog

from moodcue.health import Problem, Pulse
from moodcue.identity import Clock
from moodcue_camera.pacing import Backoff, Seconds
from moodcue_camera.sources import Image, Shot, SourceError, mask_credentials

_OPEN_TIMEOUT_MS = 5000
_READ_TIMEOUT_MS = 5000
_JOIN_SECONDS = 1.0
# OpenCV waits for a webcam up to ten seconds by itself.
_HANG_SECONDS = 30.0
_PAUSE_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Capture(Protocol):
    """An open device or stream."""

    def read(self) -> Image | None:
        """Wait for the next picture; None when no more will come."""

    def close(self) -> None:
        """Let go of it."""


class OpenCvCapture:
    """A capture of OpenCV that is open."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture

    def read(self) -> Image | None:
        """Wait for the next picture; None when no more will come."""
        readable, image = self._capture.read()
        return np.asarray(image, np.uint8) if readable else None

    def close(self) -> None:
        """Close it."""
        self._capture.release()


def open_webcam(index: int) -> Capture:
    """Open a webcam.

    Raises:
        SourceError: if there is none, or another program holds it.
    """
    capture = cv2.VideoCapture(index)
    if not capture.isOpened():
        raise SourceError(
            f"webcam {index} cannot be opened; check that it is plugged in, that no other program "
            "uses it, and set MOODCUE_CAMERA_SOURCE to its number"
        )
    return OpenCvCapture(capture)


def open_stream(url: str) -> Capture:
    """Open a network stream.

    Raises:
        SourceError: if it does not answer with video in time.
    """
    capture = cv2.VideoCapture(
        url,
        cv2.CAP_FFMPEG,
        [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            _OPEN_TIMEOUT_MS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            _READ_TIMEOUT_MS,
        ],
    )
    if not capture.isOpened():
        raise SourceError(
            f"{mask_credentials(url)} cannot be opened; check that the camera is on and that the "
            "address, user and password are right"
        )
    return OpenCvCapture(capture)


class LiveReader:
    """Receives pictures in a thread of its own, keeps the newest, and reconnects for ever.

    The thread reads as fast as pictures come, so that none waits in a driver's queue.

    Args:
        name: what a person calls the source.
        open_capture: opens it; raises SourceError.
        backoff: pauses between attempts.
        clock: wall clock.
        on_retry: called before every attempt but the first, in the thread.
        monotonic: tells how long a read takes.
    """

    def __init__(
        self,
        name: str,
        *,
        open_capture: Callable[[], Capture],
        backoff: Backoff,
        clock: Clock,
        on_retry: Callable[[], None],
        monotonic: Seconds = time.monotonic,
    ) -> None:
        self.name = name
        self._open = open_capture
        self._backoff = backoff
        self._clock = clock
        self._on_retry = on_retry
        self._stop = threading.Event()
        self._arrived = threading.Condition()
        self._newest: Shot | None = None
        self._problem: Problem = f"{name}: not open yet"
        self._pulse = Pulse(
            max_age_seconds=_HANG_SECONDS, what=f"{name}: reading it has not ended", clock=monotonic
        )
        self._thread = threading.Thread(target=self._run, name="camera-reader", daemon=True)

    def start(self) -> None:
        """Begin to receive."""
        self._pulse.beat()
        self._thread.start()

    def problem(self) -> Problem:
        """Say what keeps pictures from coming, if anything."""
        return self._problem

    def stuck(self) -> Problem:
        """Say that the thread that reads hangs or has died, if so; from any thread."""
        return self._pulse.problem()

    def newest(self, wait_seconds: float) -> Shot | None:
        """Take the newest picture not yet taken; None if none came in time."""
        deadline = time.monotonic() + wait_seconds
        with self._arrived:
            while self._newest is None:
                left = deadline - time.monotonic()
                if left <= 0 or not self._arrived.wait(left):
                    break
            picture, self._newest = self._newest, None
        return picture

    def stop(self) -> None:
        """End receiving; a read that hangs is left behind."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._pulse.beat()
            try:
                with closing(self._open()) as capture:
                    self._read_until_broken(capture)
            except SourceError as error:
                self._problem = str(error)
            pause = self._backoff.next_seconds()
            _log.debug("camera.retry", source=self.name, pause_seconds=round(pause, 2))
            self._rest(pause)
            if not self._stop.is_set():
                self._on_retry()

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._stop.is_set():
            self._pulse.beat()
            self._stop.wait(min(left, _PAUSE_SECONDS))

    def _read_until_broken(self, capture: Capture) -> None:
        while not self._stop.is_set():
            self._pulse.beat()
            image = capture.read()
            if image is None:
                raise SourceError(
                    f"{self.name}: no more pictures come; trying to open it again by itself"
                )
            self._problem = None
            self._backoff.reset()
            with self._arrived:
                self._newest = Shot(image, self._clock())
                self._arrived.notify()
