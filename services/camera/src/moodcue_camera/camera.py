"""Cameras: a source of either kind gives the picture of a slot with its capture time."""

import math
from typing import Protocol

from moodcue.health import Problem
from moodcue.identity import NS_PER_SECOND, Clock
from moodcue_camera.metrics import CameraMetrics
from moodcue_camera.pacing import Backoff, Seconds
from moodcue_camera.sources import Image, LiveSource, MediaSource, Shot, SourceError

_LONGEST_WAIT_SECONDS = 0.2


class Camera(Protocol):
    """What the service takes pictures from."""

    @property
    def name(self) -> str:
        """What a person calls its source."""

    @property
    def rate(self) -> float:
        """Nominal pictures per second."""

    @property
    def ended(self) -> bool:
        """Whether no picture will ever come again."""

    def open(self) -> None:
        """Begin.

        Raises:
            SourceError: if the source is useless and waiting will not help.
        """

    def shoot(self, slot: int) -> Shot | None:
        """Take the picture of a slot of the nominal rate; None if there is none."""

    def problem(self) -> Problem:
        """Say what keeps pictures from coming, if anything."""

    def stuck(self) -> Problem:
        """Say what only a new start can mend, if anything."""

    def close(self) -> None:
        """Let go of the source."""


class MediaCamera:
    """Shows media from the wall-clock time of its first picture on.

    Capture time is that time plus media time, so it grows through every repetition, evenly, and is
    the same for a file however fast it is worked on.

    Args:
        source: opened and closed here.
        rate: slots per second; lowered to what the source holds.
        loop: begin again at the end.
        backoff: pauses after a failure while running.
        clock: wall clock.
        monotonic: for the pauses.
        metrics: counts attempts to open the source again.
    """

    def __init__(
        self,
        source: MediaSource,
        *,
        rate: float,
        loop: bool,
        backoff: Backoff,
        clock: Clock,
        monotonic: Seconds,
        metrics: CameraMetrics,
    ) -> None:
        self._source = source
        self._wanted_rate = rate
        self._loop = loop
        self._backoff = backoff
        self._clock = clock
        self._monotonic = monotonic
        self._metrics = metrics
        self._start: int | None = None
        self._lap_start = 0.0
        self._retry_at: float | None = None
        self._problem: Problem = None
        self.rate = rate
        self.ended = False

    @property
    def name(self) -> str:
        """What a person calls the source."""
        return self._source.name

    def open(self) -> None:
        """Open the source.

        Raises:
            SourceError: if it cannot be read.
        """
        self._source.rewind()
        limit = self._source.rate_limit
        self.rate = self._wanted_rate if limit is None else min(self._wanted_rate, limit)

    def shoot(self, slot: int) -> Shot | None:
        """Take the picture of a slot; None at the end or while the source is broken."""
        if self.ended or (self._retry_at is not None and self._monotonic() < self._retry_at):
            return None
        if self._start is None or slot == 0:
            # The first slot is repeated while there is no worker: the time begins with the last.
            self._start = self._clock()
        seconds = slot / self.rate
        try:
            image = self._picture_at(seconds)
        except SourceError as error:
            self._problem = str(error)
            self._retry_at = self._monotonic() + self._backoff.next_seconds()
            return None
        if image is None:
            self.ended = True
            self._problem = (
                f"{self.name} has ended after {self._source.duration_seconds:.1f} s; set "
                "MOODCUE_CAMERA_LOOP=true to repeat it, or start the camera again"
            )
            return None
        return Shot(image, self._start + round(seconds * NS_PER_SECOND))

    def _picture_at(self, seconds: float) -> Image | None:
        if self._retry_at is not None:
            self._metrics.reconnected()
            self._source.rewind()
            self._lap_start, self._retry_at, self._problem = seconds, None, None
            self._backoff.reset()
        image = self._source.picture_at(seconds - self._lap_start)
        if image is not None or not self._loop:
            return image
        duration = self._source.duration_seconds
        # Slots that were missed may have skipped whole laps of a short source.
        laps = max(1, math.floor((seconds - self._lap_start) / duration))
        self._lap_start += laps * duration
        self._source.rewind()
        return self._source.picture_at(seconds - self._lap_start)

    def problem(self) -> Problem:
        """Say what keeps pictures from coming, if anything."""
        return self._problem

    def stuck(self) -> Problem:
        """Nothing: what hangs here hangs the loop that asks."""
        return None

    def close(self) -> None:
        """Close the source."""
        self._source.close()


class LiveCamera:
    """Takes the newest picture that came by.

    Args:
        source: started and stopped here.
        rate: slots per second.
    """

    def __init__(self, source: LiveSource, *, rate: float) -> None:
        self._source = source
        self.rate = rate
        self.ended = False

    @property
    def name(self) -> str:
        """What a person calls the source."""
        return self._source.name

    def open(self) -> None:
        """Begin to receive; a source that is not there yet is waited for."""
        self._source.start()

    def shoot(self, slot: int) -> Shot | None:  # noqa: ARG002 - live pictures have their own time
        """Take the newest picture, or the one that comes within half a slot."""
        return self._source.newest(min(_LONGEST_WAIT_SECONDS, 0.5 / self.rate))

    def problem(self) -> Problem:
        """Say what keeps pictures from coming, if anything."""
        return self._source.problem()

    def stuck(self) -> Problem:
        """Say what only a new start can mend, if anything."""
        return self._source.stuck()

    def close(self) -> None:
        """End receiving."""
        self._source.stop()
