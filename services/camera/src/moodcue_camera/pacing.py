"""When the next picture is due. Nothing here waits: whoever asks does.

A slot is the number of a picture on the time grid of the nominal rate: slot `k` is due `k / rate`
seconds after the first one.
"""

import math
import random
from collections.abc import Callable
from typing import Protocol

Seconds = Callable[[], float]
"""A monotonic clock in seconds."""

_SAME_INSTANT_SECONDS = 1e-6


class Pace(Protocol):
    """Decides when a picture is sent, and which."""

    def wait_seconds(self) -> float:
        """Return how long nothing is due; 0 when a picture is."""

    def take(self) -> int:
        """Return the slot that is due."""

    def sent(self, frame_id: str) -> None:
        """Note that the picture of the slot last taken went off."""

    def answered(self, frame_id: str) -> bool:
        """Note that a frame was worked on; False if it was not waited for."""

    @property
    def idle(self) -> bool:
        """Whether nothing that was sent is still waited for."""

    @property
    def late(self) -> int:
        """Slots that passed without a picture, because the sender was late."""

    @property
    def unanswered(self) -> int:
        """Frames that were given up waiting for."""


class SteadyPace:
    """Slots at a steady rate of the clock; being late once does not shift the later ones.

    Args:
        rate: slots per second.
        clock: monotonic.
    """

    def __init__(self, rate: float, *, clock: Seconds) -> None:
        self._rate = rate
        self._clock = clock
        self._start: float | None = None
        self._next = 0
        self.late = 0
        self.unanswered = 0
        self.idle = True

    def wait_seconds(self) -> float:
        """Return the time until the next slot; the first one is due at once."""
        if self._start is None:
            return 0.0
        return max(0.0, self._start + self._next / self._rate - self._clock())

    def take(self) -> int:
        """Return the newest slot that is due, and count the ones that were missed."""
        now = self._clock()
        if self._start is None:
            self._start = now
        reached = math.floor((now - self._start + _SAME_INSTANT_SECONDS) * self._rate)
        slot = max(self._next, reached)
        self.late += slot - self._next
        self._next = slot + 1
        return slot

    def sent(self, frame_id: str) -> None:
        """Nothing is waited for."""

    def answered(self, frame_id: str) -> bool:  # noqa: ARG002 - the interface's
        """Nothing is waited for."""
        return False


class WorkerPace:
    """One slot after the other, as fast as the workers answer.

    Until the first answer of all, the first slot is repeated whenever its time is over: there may
    be no worker yet, and nothing of a file shall be lost to that.

    Args:
        in_flight: frames that may be unanswered at a time.
        timeout_seconds: when a frame is given up.
        clock: monotonic.
    """

    def __init__(self, *, in_flight: int, timeout_seconds: float, clock: Seconds) -> None:
        self._limit = in_flight
        self._timeout = timeout_seconds
        self._clock = clock
        self._deadlines: dict[str, float] = {}
        self._slot = 0
        self._heard = False
        self.late = 0
        self.unanswered = 0

    def wait_seconds(self) -> float:
        """Return 0 when there is room for a frame, else the time until one is given up."""
        now = self._clock()
        self._give_up(now)
        if len(self._deadlines) < (self._limit if self._heard else 1):
            return 0.0
        return min(self._deadlines.values()) - now

    def _give_up(self, now: float) -> None:
        over = [name for name, deadline in self._deadlines.items() if deadline <= now]
        for name in over:
            del self._deadlines[name]
        self.unanswered += len(over)
        if over and not self._heard:
            self._slot = 0

    def take(self) -> int:
        """Return the next slot; the same again until it was sent."""
        return self._slot

    def sent(self, frame_id: str) -> None:
        """Wait for the answer to a frame."""
        self._deadlines[frame_id] = self._clock() + self._timeout
        self._slot += 1

    def answered(self, frame_id: str) -> bool:
        """Make room for another frame, if this one was still waited for."""
        known = self._deadlines.pop(frame_id, None) is not None
        self._heard = self._heard or known
        return known

    @property
    def idle(self) -> bool:
        """Whether no frame is unanswered."""
        self._give_up(self._clock())
        return not self._deadlines


class Backoff:
    """Pauses between attempts: doubled each time up to a longest one, with jitter.

    Jitter (a pause is 50 to 100 % of its nominal length) keeps many cameras from returning to a
    restarted server in the same instant.

    Args:
        first_seconds: nominal length of the first pause.
        longest_seconds: nominal length that is not exceeded.
        chance: gives numbers in [0, 1).
    """

    def __init__(
        self,
        *,
        first_seconds: float,
        longest_seconds: float,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._first = first_seconds
        self._longest = longest_seconds
        self._chance = chance
        self._nominal = first_seconds

    def next_seconds(self) -> float:
        """Return the next pause."""
        nominal = min(self._nominal, self._longest)
        self._nominal = min(2 * nominal, self._longest)
        return nominal * (0.5 + 0.5 * self._chance())

    def reset(self) -> None:
        """Begin with the first pause again, after a success."""
        self._nominal = self._first
