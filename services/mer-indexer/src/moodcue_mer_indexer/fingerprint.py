"""Know a recording again in another file, whatever its encoding, after Haitsma and Kalker.

"A highly robust audio fingerprinting system" (ISMIR 2002): the signs of the differences of the
energies of neighbouring bands, from one frame to the next, outlive lossy encoding, another rate
and another loudness. A frame gives 32 bits. Two fingerprints are of one recording if few bits
differ where they fit together best; those of different recordings differ in about half.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from moodcue_mer_indexer.mel import hann_window

SAME_BELOW: Final = 0.3
"""Share of bits that differ in two encodings of one recording: at most 0.16 was measured, and at
least 0.47 in different recordings."""

_FRAMES: Final = 480
_WINDOW_SECONDS: Final = 0.256
_HOP_SECONDS: Final = 0.064
_BITS: Final = 32
FINGERPRINT_BYTES: Final = _FRAMES * _BITS // 8
"""Of a song of 31 seconds or more; a shorter one has fewer."""

_HERTZ: Final = (300.0, 2000.0)

# What identifies a song has begun by then: recordings with one introduction differ later.
_END_SECONDS: Final = 60.0
_SILENCE: Final = 1e-3

_SHIFT_SECONDS: Final = 3.2
_LEAST_OVERLAP: Final = 80
_DURATIONS_APART_SECONDS: Final = 5.0

# Words that many songs share, as those of silence, tell nothing.
_SONGS_PER_WORD: Final = 20
_WORDS_AT_ONCE: Final = 8_000_000


class FingerprintMeter:
    """Takes the fingerprint of a song while it is listened to.

    It is made of the 31 seconds that end a minute after the first sound, or at the end of a
    shorter song.

    Args:
        sample_rate: Of the samples, per second.
    """

    def __init__(self, *, sample_rate: int) -> None:
        self._rate = sample_rate
        self._kept: list[NDArray[np.float32]] = []
        self._missing = round(_END_SECONDS * sample_rate)

    def samples(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Pass blocks of samples ``(samples,)`` on, and listen to them."""
        for block in blocks:
            if self._missing:
                self._add(block)
            yield block

    def result(self) -> bytes:
        """Return words of 32 bits, big-endian, at most `FINGERPRINT_BYTES`.

        There are none for silence and for less than 0.4 s.
        """
        window = round(_WINDOW_SECONDS * self._rate)
        hop = round(_HOP_SECONDS * self._rate)
        samples = np.concatenate([np.empty(0, dtype=np.float32), *self._kept])
        samples = samples[-(window + _FRAMES * hop) :]
        if samples.size < window + hop:
            return b""
        frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
        spectrum = scipy.fft.rfft(frames * hann_window(window), axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        edges = _edges(window=window, rate=self._rate)
        energies = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)
        contrast = energies[:, :-1] - energies[:, 1:]
        return np.packbits(contrast[1:] > contrast[:-1], axis=1).tobytes()

    def _add(self, block: NDArray[np.float32]) -> None:
        if not self._kept:
            loud = np.flatnonzero(np.abs(block) > _SILENCE)
            block = block[loud[0] :] if loud.size else block[:0]
        block = block[: self._missing]
        if block.size:
            self._kept.append(block)
            self._missing -= block.size


def bit_error_rate(first: bytes, second: bytes) -> float:
    """Return the share of bits that differ where two fingerprints fit best, 1 for too short ones.

    They are tried at all shifts up to three seconds.
    """
    one, other = _words(first), _words(second)
    shifts = round(_SHIFT_SECONDS / _HOP_SECONDS)
    rates = [1.0]
    for shift in range(-shifts, shifts + 1):
        left, right = one[max(0, shift) :], other[max(0, -shift) :]
        overlap = min(left.size, right.size)
        if overlap >= _LEAST_OVERLAP:
            different = np.bitwise_count(left[:overlap] ^ right[:overlap])
            rates.append(float(different.sum()) / (_BITS * overlap))
    return min(rates)


def recordings(fingerprints: Sequence[bytes], *, seconds: Sequence[float]) -> list[list[int]]:
    """Group songs that are the same recording.

    Songs with a word in common are compared; in 65 copies of real music there were at least four
    such words. So the work grows with the songs, not with their square.

    Args:
        fingerprints: Of the songs.
        seconds: Their durations; 0 where unknown. Those of a recording are at most 5 s apart.

    Returns:
        The groups of two and more, by place, each in rising order. A song of less than five
        seconds is in none.
    """
    leader = list(range(len(fingerprints)))

    def find(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    alike: dict[bytes, int] = {}
    for place, fingerprint in enumerate(fingerprints):
        if len(fingerprint) < _LEAST_OVERLAP * _BITS // 8:
            continue
        first = alike.setdefault(fingerprint, place)
        if _as_long(seconds[first], seconds[place]):
            leader[place] = first
    others = list(alike.values())
    for first, second in _candidates([fingerprints[place] for place in others]):
        one, other = others[first], others[second]
        if find(one) == find(other) or not _as_long(seconds[one], seconds[other]):
            continue
        if bit_error_rate(fingerprints[one], fingerprints[other]) < SAME_BELOW:
            leader[find(other)] = find(one)
    groups: dict[int, list[int]] = {}
    for place in range(len(fingerprints)):
        groups.setdefault(find(place), []).append(place)
    return [group for group in groups.values() if len(group) > 1]


def _candidates(fingerprints: Sequence[bytes]) -> list[tuple[int, int]]:
    """Return the pairs of songs that share a word, without those that nearly all share."""
    parts = 1 + sum(map(len, fingerprints)) // 4 // _WORDS_AT_ONCE
    pairs: set[tuple[int, int]] = set()
    for part in range(parts):
        tagged = [
            np.unique(words[words % parts == part]).astype(np.uint64) << np.uint64(32)
            | np.uint64(place)
            for place, words in enumerate(map(_words, fingerprints))
        ]
        entries = np.sort(np.concatenate([np.empty(0, dtype=np.uint64), *tagged]))
        places = (entries & np.uint64(0xFFFFFFFF)).astype(np.int64)
        _, starts, counts = np.unique(
            entries >> np.uint64(32), return_index=True, return_counts=True
        )
        shared = (counts > 1) & (counts <= _SONGS_PER_WORD)
        for start, count in zip(starts[shared].tolist(), counts[shared].tolist(), strict=True):
            group = places[start : start + count].tolist()
            pairs.update((one, other) for i, one in enumerate(group) for other in group[i + 1 :])
    return sorted(pairs)


def _as_long(one: float, other: float) -> bool:
    return not one or not other or abs(one - other) <= _DURATIONS_APART_SECONDS


def _words(fingerprint: bytes) -> NDArray[np.uint32]:
    return np.frombuffer(fingerprint, dtype=">u4").astype(np.uint32)


@lru_cache(maxsize=4)
def _edges(*, window: int, rate: int) -> NDArray[np.int64]:
    """Return the bins where the 33 bands begin, equally wide in octaves, and where they end."""
    low, high = _HERTZ
    hertz = low * (high / low) ** (np.arange(_BITS + 2) / (_BITS + 1))
    edges = np.round(hertz * window / rate).astype(np.int64)
    edges.flags.writeable = False
    return edges
