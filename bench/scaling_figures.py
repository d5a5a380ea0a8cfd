"""From what was seen to the figures of a record."""

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, Final

import numpy as np

from moodcue.identity import NS_PER_SECOND
from scaling_cameras import Sent
from scaling_listener import Moment, Reading

Record = dict[str, Any]

DROPPED: Final = "frames_dropped_"


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """Return the 50th, 95th and 99th percentile in milliseconds; of nothing, nothing."""
    if not seconds:
        return {}
    values = np.percentile(seconds, (50, 95, 99)) * 1000
    return {name: round(float(v), 3) for name, v in zip(("p50", "p95", "p99"), values, strict=True)}


def shares(cameras: Sequence[str], handed_out: Iterable[str]) -> Record:
    """Say how evenly frames were handed out over cameras.

    Args:
        cameras: All of them.
        handed_out: The camera of each frame.

    Returns:
        The fewest, mean and most frames of a camera, and the largest difference to the mean as a
        share of it.
    """
    counted = Counter(handed_out)
    counts = [counted[camera] for camera in cameras]
    mean = sum(counts) / len(counts)
    furthest = max(abs(count - mean) for count in counts) / mean if mean else 0.0
    return {
        "fewest": min(counts),
        "mean": round(mean, 1),
        "most": max(counts),
        "furthest_from_mean": round(furthest, 3),
    }


def window(begin: Moment, end: Moment) -> Record:
    """Return what the broker did between two heartbeats, as rates per second and shares."""
    seconds = (end.time - begin.time) / NS_PER_SECOND

    def more(name: str) -> int:
        return end.count(name) - begin.count(name)

    received = more("frames_received")
    dispatched = more("frames_dispatched")
    cpu = end.cpu_seconds - begin.cpu_seconds
    return {
        "seconds": round(seconds, 2),
        "offered_per_second": round(received / seconds, 1),
        "handed_out_per_second": round(dispatched / seconds, 1),
        "dropped_share": round(more("frames_dropped") / received, 4) if received else 0.0,
        "broker_cores": round(cpu / seconds, 3),
        "broker_us_per_frame_in": round(cpu / received * 1e6, 1) if received else 0.0,
    }


def balance(sent: Sent, moments: Sequence[Moment], *, read: int, lost: int) -> Record:
    """Say where every frame of a run went, once nothing is under way any more.

    Args:
        sent: By the cameras.
        moments: Everything that the broker had counted at its heartbeats, the last one at the end.
        read: Frames whose reading came, or that a taker had.
        lost: Readings that did not come.

    Returns:
        The counts, and `balanced`: all that was sent came to the broker; at every heartbeat what
        had come was finished, dropped, waiting or with a worker; what was handed out was read.
    """
    last = moments[-1]
    return {
        "sent": sent.frames,
        "received": last.count("frames_received"),
        "handed_out": last.count("frames_dispatched"),
        "read": read,
        "dropped": {
            name.removeprefix(DROPPED): last.count(name)
            for name in sorted(last.counters)
            if name.startswith(DROPPED)
        },
        "pending": last.count("frames_pending"),
        "refused_by_full_queue": sent.refused,
        "camera_was_late": sent.late,
        "balanced": sent.frames == last.count("frames_received")
        and all(_balances(moment) for moment in moments)
        and last.count("frames_dispatched") == read + lost,
    }


def _balances(moment: Moment) -> bool:
    places = ("frames_inferred", "frames_dropped", "frames_pending")
    return moment.count("frames_received") == sum(map(moment.count, places))


def ages(readings: Sequence[Reading]) -> Record:
    """Return how old frames were when their reading came, and what of it the reading took."""
    return {
        "age_ms": percentiles_ms([each.age_seconds for each in readings]),
        "work_ms": percentiles_ms([each.work_seconds for each in readings]),
    }


def medians(records: Sequence[Record]) -> list[Record]:
    """Bring the records of workers that read or wait to one for each number of workers.

    Returns:
        For each part and number of workers, the medians of its runs: frames per second, how many
        times that of one worker it is, age, and share of dropped frames. Fewest workers first.
    """
    groups: dict[tuple[str, int], list[Record]] = {}
    for record in records:
        if "read_per_second" in record:
            groups.setdefault((record["part"], record["workers"]), []).append(record)
    middle = {key: _medians(group) for key, group in groups.items()}
    return [
        {
            "part": f"{part}, medians",
            "workers": workers,
            **figures,
            "times_one": round(figures["read_per_second"] / middle[part, 1]["read_per_second"], 2)
            if (part, 1) in middle
            else None,
        }
        for (part, workers), figures in sorted(middle.items())
    ]


def _medians(runs: Sequence[Record]) -> Record:
    ages_ms = {
        name: round(median(run["age_ms"][name] for run in runs), 1)
        for name in ("p50", "p95", "p99")
    }
    return {
        "runs": len(runs),
        "read_per_second": round(median(run["read_per_second"] for run in runs), 2),
        "age_ms": ages_ms,
        "dropped_share": round(median(run["dropped_share"] for run in runs), 4),
    }
