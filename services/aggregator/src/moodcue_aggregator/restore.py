"""Going on where an earlier life of this service ended, from what the broker has kept."""

from collections import defaultdict
from collections.abc import Iterable

from moodcue.events import EmotionWindow, FaceEmotion
from moodcue_aggregator.window import ClosedWindow, Windows


def restore(
    windows: Windows,
    *,
    past: Iterable[EmotionWindow],
    frames: Iterable[FaceEmotion],
    now: int,
) -> list[ClosedWindow]:
    """Rebuild the open windows; return those that should have been emitted meanwhile.

    Of each camera, the past windows tell how people are numbered, those who have left too, and the
    last one where the next begins; the frames captured since then fill it.

    Args:
        windows: still empty.
        past: the emitted windows that are known, in the order of their emission.
        frames: those that are known, in the order of their arrival.
        now: as in `Windows.add`.
    """
    last: dict[str, EmotionWindow] = {}
    highest: dict[str, int] = defaultdict(int)
    known = list(frames)
    by_camera: dict[str, list[FaceEmotion]] = defaultdict(list)
    for frame in known:
        by_camera[frame.camera].append(frame)
    for window in past:
        camera = window.camera
        last[camera] = window
        for people in (window.tracks, window.opted_out):
            highest[camera] = max(highest[camera], *(person.track for person in people), 0)
        inside = [f for f in by_camera[camera] if window.start <= f.time < window.end]
        windows.resume(window, frames=inside, last_track=highest[camera], now=now)
    closed: list[ClosedWindow] = []
    for frame in known:
        if frame.camera not in last or frame.time >= last[frame.camera].end:
            closed += windows.add(frame, now=now)
    return closed


def earlier_source(past: Iterable[EmotionWindow], *, source: str) -> str:
    """Return the name under which this instance has published the newest past window.

    Its numbers go on. If the broker has kept none, they begin anew, so the new name stays.
    """
    instance = source.rpartition("-")[0]
    earlier = [window for window in past if window.source.rpartition("-")[0] == instance]
    return max(earlier, key=lambda window: window.time).source if earlier else source


def last_numbers(past: Iterable[EmotionWindow], *, source: str) -> dict[str, int]:
    """Return the highest sequence number per camera that a source has used in past windows."""
    numbers: dict[str, int] = {}
    for window in past:
        if window.source == source:
            numbers[window.camera] = max(window.seq, numbers.get(window.camera, 0))
    return numbers
