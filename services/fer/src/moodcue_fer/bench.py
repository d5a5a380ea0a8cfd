"""Times each stage of the worker, and compares the search near faces with that of whole frames."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from moodcue.events import FaceEmotion, FrameStatus
from moodcue.identity import new_id, new_trace
from moodcue_fer.analysis import Analysis, FaceAnalyser
from moodcue_fer.clips import PICTURES_PER_SECOND, Source
from moodcue_fer.faces import Detection, overlap
from moodcue_fer.pictures import PictureError, decode_grey
from moodcue_fer.search import Moment, Search

Record = dict[str, Any]
Picture = npt.NDArray[np.uint8]
Publish = Callable[[FaceEmotion], object]

CAMERA: Final = "bench"
SAME_BOX: Final = 0.5
"""Intersection over union from which on a face counts as found again."""


@dataclass(kw_only=True)
class Run:
    """What was noted while the frames were read.

    Attributes:
        seconds: What each stage took, every time it ran.
        cpu_seconds: What each frame took of this thread's processor time, which tells more than
            the clock where other programs run.
        searches: How many frames were searched in which way.
        found: The faces of each frame.
        shape: Height and width of the last frame.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    cpu_seconds: list[float] = field(default_factory=list)
    searches: Counter[Search] = field(default_factory=Counter)
    found: list[list[Detection]] = field(default_factory=list)
    shape: tuple[int, ...] = (0, 0)

    def note(self, stage: str, seconds: float) -> None:
        """Note what a stage took."""
        self.seconds.setdefault(stage, []).append(seconds)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        start = time.perf_counter()
        yield
        self.note(name, time.perf_counter() - start)


def bench(source: Source, *, analyser: FaceAnalyser, publish: Publish, facts: Record) -> Record:
    """Measure each stage of the worker over frames, one after the other.

    A second pass, whose time does not count, searches every frame as a whole; `recall` is the
    share of its faces that the first pass had too, `precision` the share of the first pass's faces
    that it has.

    Args:
        source: The frames; they are encoded to JPEG before the clock runs.
        analyser: Reads a frame.
        publish: Sends the event of a frame.
        facts: What the record tells besides: model, runtime, detector.

    Raises:
        PictureError: There is no readable frame.
    """
    run, first_result, start = Run(), 0.0, time.perf_counter()
    for body, at in source.frames():
        _read(body, at, analyser=analyser, publish=publish, run=run)
        first_result = first_result or seconds_of_process()
    wall = time.perf_counter() - start
    if not run.found:
        raise PictureError(f"{source.path} has no readable frame")
    peak = peak_memory_mb()
    whole = [analyser.detect(decode_grey(body)).detections for body, _ in source.frames()]
    return {
        "clip": str(source.path),
        **facts,
        "size": [run.shape[1], run.shape[0]],
        **_shares(run, whole),
        "frames_per_second": len(run.found) / sum(run.seconds["frame"]),
        "seconds_with_reading_the_clip": wall,
        "peak_rss_mb": peak,
        "first_result_seconds": first_result,
        "cpu_milliseconds": _spread(run.cpu_seconds),
        "milliseconds": {stage: _spread(times) for stage, times in sorted(run.seconds.items())},
    }


def peak_memory_mb() -> float:
    """Return the most memory that this process has held, in MB; Linux only."""
    # Not getrusage: it counts what the parent held when it forked.
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def seconds_of_process() -> float:
    """Return how long ago this process was started, in seconds; Linux only."""
    # The fields after the name, which may hold spaces; see proc_pid_stat(5).
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def _read(body: bytes, at: int, *, analyser: FaceAnalyser, publish: Publish, run: Run) -> None:
    start, cpu = time.perf_counter(), time.thread_time()
    with run.stage("decode"):
        grey = decode_grey(body)
    begun = time.perf_counter()
    found = analyser.detect(grey, Moment(camera=CAMERA, time=at))
    way = "detect_local" if found.search is Search.LOCAL else "detect_full"
    run.note(way, time.perf_counter() - begun)
    with run.stage("crop"):
        crops = analyser.crop(grey, found.detections)
    with run.stage("quality"):
        looks = analyser.judge(grey, found.detections, crops=crops)
    with run.stage("infer"):
        faces = analyser.infer(found.detections, crops=crops, looks=looks)
    with run.stage("publish"):
        publish(_event(Analysis(faces=faces, search=found.search), at=at, number=len(run.found)))
    whole = time.perf_counter() - start
    run.cpu_seconds.append(time.thread_time() - cpu)
    run.note("frame", whole)
    run.note("frame_without_infer", whole - run.seconds["infer"][-1])
    run.searches[found.search] += 1
    run.found.append(found.detections)
    run.shape = grey.shape


def _shares(run: Run, whole: Sequence[Sequence[Detection]]) -> Record:
    frames = len(run.found)
    again = sum(_found(faces, run.found[place]) for place, faces in enumerate(whole))
    right = sum(_found(faces, whole[place]) for place, faces in enumerate(run.found))
    of_whole, of_run = (sum(len(faces) for faces in passes) for passes in (whole, run.found))
    return {
        "frames": frames,
        "share_with_face": sum(bool(faces) for faces in run.found) / frames,
        "faces_per_frame": of_run / frames,
        "share_full_search": 1 - run.searches[Search.LOCAL] / frames,
        "searches": {search.value: run.searches[search] for search in Search},
        "recall": again / of_whole if of_whole else None,
        "precision": right / of_run if of_run else None,
    }


def _found(faces: Sequence[Detection], others: Sequence[Detection]) -> int:
    return sum(any(overlap(face.box, other.box) >= SAME_BOX for other in others) for face in faces)


def _spread(times: Sequence[float]) -> dict[str, float]:
    median, p95, p99 = np.percentile(times, (50, 95, 99)) * 1000
    return {"median": float(median), "p95": float(p95), "p99": float(p99)}


def _event(analysis: Analysis, *, at: int, number: int) -> FaceEmotion:
    return FaceEmotion(
        id=new_id(),
        source="fer/bench",
        seq=number + 1,
        time=at,
        trace=new_trace(),
        camera=CAMERA,
        frame_id=new_id(),
        frame_seq=number + 1,
        rate=PICTURES_PER_SECOND,
        width=1,
        height=1,
        status=FrameStatus.OK if analysis.faces else FrameStatus.NO_FACE,
        faces=analysis.faces,
    )
