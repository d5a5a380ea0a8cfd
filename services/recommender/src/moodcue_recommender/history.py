"""What a camera was given before: when and how often each song came, and which song plays."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


class History:
    """The last songs that were recommended to one camera, counted in songs.

    Args:
        songs: their ids, oldest first.
        length: how many are remembered; a song that came before them counts as never recommended.

    Attributes:
        length: as given.
        playing: id of the song that is taken to play now: the first of the last answer.
    """

    def __init__(self, songs: Iterable[int] = (), *, length: int = 10_000) -> None:
        self.length = length
        self.playing: int | None = None
        self._songs: deque[int] = deque()
        self._last: dict[int, int] = {}
        self._times = Counter[int]()
        self._count = 0
        self._remember(songs)

    def add(self, songs: Sequence[int]) -> None:
        """Remember the songs of an answer, in their order; an empty one changes nothing."""
        if songs:
            self.playing = songs[0]
            self._remember(songs)

    def waits(self, songs: Iterable[int]) -> NDArray[np.float64]:
        """Return how many songs ago each came, from 1 for the last; `length` + 1 for never."""
        never = self._count - self.length
        last = self._last
        return np.array([self._count + 1 - last.get(song, never) for song in songs], np.float64)

    def times(self, songs: Iterable[int]) -> NDArray[np.float64]:
        """Return how many of the last `length` songs each was."""
        return np.array([self._times[song] for song in songs], np.float64)

    def before(self, songs: Iterable[int]) -> "History":
        """Return the history as if the songs of the last answer had never been recommended."""
        ignored = set(songs)
        return History((each for each in self._songs if each not in ignored), length=self.length)

    def _remember(self, songs: Iterable[int]) -> None:
        for song in songs:
            self._count += 1
            self._songs.append(song)
            self._last[song] = self._count
            self._times[song] += 1
            if len(self._songs) > self.length:
                oldest = self._songs.popleft()
                self._times[oldest] -= 1
                if self._last[oldest] <= self._count - self.length:
                    del self._last[oldest], self._times[oldest]


class Histories:
    """The histories of all cameras, read when a camera is first asked for.

    Args:
        read: gives the ids of the last songs of a camera, oldest first, at most so many.
        length: how many songs of each are remembered.
        cameras: how many are kept in memory; the one not asked for longest is read again later.
    """

    def __init__(
        self, read: Callable[[str, int], Sequence[int]], *, length: int, cameras: int = 64
    ) -> None:
        self._read = read
        self._length = length
        self._cameras = cameras
        self._histories: dict[str, History] = {}

    def of(self, camera: str) -> History:
        """Return the history of a camera; what is added to it stays."""
        history = self._histories.pop(camera, None)
        if history is None:
            history = History(self._read(camera, self._length), length=self._length)
            if len(self._histories) >= self._cameras:
                del self._histories[next(iter(self._histories))]
        self._histories[camera] = history
        return history
