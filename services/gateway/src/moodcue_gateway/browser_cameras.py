"""Browsers that are cameras: who is one, how fast each may send, and what becomes a frame.

Everything here belongs to the event loop; sockets are elsewhere.
"""

import hmac
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from moodcue.errors import ProtocolError
from moodcue.identity import NS_PER_SECOND, Clock, system_clock
from moodcue_gateway.jpeg import jpeg_size
from moodcue_gateway.metrics import GatewayMetrics

_AGE = struct.Struct(">H")
"""What stands before each JPEG: its age in milliseconds when it was sent, 65535 for any more."""

_BURST = 2.0
_RATE_MEMORY = 0.3
_SLOWEST_RATE = 0.2
_FOREIGN_SECONDS = 10.0
"""A camera that was read within this time, and not sent by the browser that asks, is another."""

_REMEMBERED = 1000


class CloseCode(IntEnum):
    """Why a browser's connection ends, as WebSocket close codes of our own (RFC 6455, 7.4.2)."""

    REPLACED = 4001
    BAD_MESSAGE = 4400
    NO_HELLO = 4408
    NAME_TAKEN = 4409
    TOO_LARGE = 4413
    NOT_A_JPEG = 4415
    TOO_MANY = 4429


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a failure of ours
    """Ends a connection with a code and a sentence."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Taken(StrEnum):
    """What became of a picture."""

    SENT = "sent"
    TOO_FAST = "too_fast"
    NO_BROKER = "no_broker"
    QUEUE_FULL = "queue_full"


@dataclass(frozen=True)
class CameraLimits:
    """What browsers may do.

    Attributes:
        cameras: how many browsers may be one at a time.
        rate: pictures per second of each.
        bytes: of a picture.
        pixels: of a picture's longer side.
    """

    cameras: int
    rate: float
    bytes: int
    pixels: int = 1920


@dataclass(frozen=True)
class Picture:
    """One JPEG of a browser.

    Attributes:
        jpeg: the file.
        width: in pixels.
        height: in pixels.
        age_seconds: from its capture until it was sent, by the browser's clock.
    """

    jpeg: bytes
    width: int
    height: int
    age_seconds: float


def read_picture(message: bytes, limits: CameraLimits) -> Picture:
    """Take a message of a browser apart.

    Raises:
        Refusal: if it holds no JPEG, or one that is too large.
    """
    jpeg = message[_AGE.size :]
    if len(jpeg) > limits.bytes:
        raise Refusal(
            CloseCode.TOO_LARGE, f"a picture of {len(jpeg)} bytes; at most {limits.bytes} are taken"
        )
    try:
        width, height = jpeg_size(jpeg)
    except ProtocolError as error:
        raise Refusal(CloseCode.NOT_A_JPEG, str(error)) from None
    if max(width, height) > limits.pixels:
        raise Refusal(
            CloseCode.TOO_LARGE,
            f"a picture of {width} x {height}; a side has at most {limits.pixels} pixels",
        )
    return Picture(jpeg, width, height, _AGE.unpack_from(message)[0] / 1000)


@dataclass
class BrowserCamera:
    """One browser while it is a camera.

    Attributes:
        name: of the camera in topics and events.
        key: that only this browser knows.
        allowed_rate: pictures per second.
        clock: monotonic, seconds.
        rate: pictures per second that really come, smoothed.
        replaced: whether the same browser has connected again.
    """

    name: str
    key: str
    allowed_rate: float
    clock: Callable[[], float]
    rate: float = field(init=False)
    replaced: bool = False
    _tokens: float = field(default=_BURST, init=False)
    _last: float | None = field(default=None, init=False)
    _last_taken: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.rate = self.allowed_rate

    def may_send(self) -> bool:
        """Say whether a picture that comes now keeps to the rate (a token bucket), and take it."""
        now = self.clock()
        passed = 0.0 if self._last is None else now - self._last
        self._last = now
        self._tokens = min(_BURST, self._tokens + passed * self.allowed_rate)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        self._measure(now)
        return True

    def _measure(self, now: float) -> None:
        if self._last_taken is not None and now > self._last_taken:
            rate = min(self.allowed_rate, 1 / (now - self._last_taken))
            self.rate = max(_SLOWEST_RATE, self.rate + _RATE_MEMORY * (rate - self.rate))
        self._last_taken = now


class BrowserCameras:
    """The browsers that are cameras now.

    Args:
        limits: what they may do.
        faces_seen: time of the newest reading of a camera of that name, UTC, ns since 1970; 0
            where there is none.
        metrics: to count in.
        clock: monotonic, seconds.
        wall_clock: for the age of a reading.
    """

    def __init__(
        self,
        limits: CameraLimits,
        *,
        faces_seen: Callable[[str], int],
        metrics: GatewayMetrics,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Clock = system_clock,
    ) -> None:
        self.limits = limits
        self._faces_seen = faces_seen
        self._metrics = metrics
        self._clock = clock
        self._wall_clock = wall_clock
        self._closed: OrderedDict[str, str] = OrderedDict()
        self._open: dict[str, BrowserCamera] = {}
        self._frames = 0

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def opened(self, name: str, *, key: str) -> Iterator[BrowserCamera]:
        """Make a browser a camera while the block runs.

        Args:
            name: that it wishes for its camera.
            key: by which it is known when it comes again.

        Raises:
            Refusal: if the name is another's, or there is no room.
        """
        before = self._open.get(name)
        self._check(name, key, before)
        if before is not None:
            before.replaced = True
        camera = BrowserCamera(name, key, self.limits.rate, self._clock)
        self._open[name] = camera
        self._metrics.browser_cameras.set(len(self))
        try:
            yield camera
        finally:
            if self._open[name] is camera:
                del self._open[name]
                self._closed[name] = key
                if len(self._closed) > _REMEMBERED:
                    self._closed.popitem(last=False)
            self._metrics.browser_cameras.set(len(self))

    def _check(self, name: str, key: str, before: BrowserCamera | None) -> None:
        if before is not None:
            if not hmac.compare_digest(before.key.encode(), key.encode()):
                raise Refusal(CloseCode.NAME_TAKEN, f"another browser is {name!r}; take a new name")
        elif self._closed.get(name) != key and self._is_seen(name):
            raise Refusal(CloseCode.NAME_TAKEN, f"another camera is {name!r}; take a new name")
        elif len(self) >= self.limits.cameras:
            raise Refusal(
                CloseCode.TOO_MANY,
                f"all {self.limits.cameras} places for browsers are taken "
                "(MOODCUE_GATEWAY_MAX_BROWSER_CAMERAS)",
            )

    def _is_seen(self, name: str) -> bool:
        age = self._wall_clock() - self._faces_seen(name)
        return age < _FOREIGN_SECONDS * NS_PER_SECOND

    def count(self, taken: Taken, *, age_seconds: float) -> None:
        """Count a picture and its age when it came."""
        self._metrics.browser_frames.labels(taken.value).inc()
        self._metrics.browser_frame_age.observe(age_seconds)
        self._frames += taken is Taken.SENT

    def counters(self) -> dict[str, float]:
        """Figures for the heartbeat."""
        return {"browser_cameras": len(self), "browser_frames": self._frames}
