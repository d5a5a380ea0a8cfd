"""How far the workers scale: throughput, age of frames and drops for 1 to N of them.

Prints one JSON record per line. The parts are `broker` (what it hands out to workers that only
take frames), `waiting` (workers that wait a stated time for each frame, so that a few cores carry
many), `faces` (`moodcue-fer run`, up to the number of cores) and `joining` (how soon one more of
these is of use). Broker and workers are processes of their own; cameras, and workers that only take
frames, have sockets of their own and share processes. All is on this machine and speaks TCP.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import zmq

from moodcue import __version__
from moodcue.lifecycle import run_command
from scaling_cameras import PEOPLE_SIZE, TINY_SIZE, people, tiny_picture
from scaling_figures import Record, medians
from scaling_plot import draw
from scaling_runs import Load, run_broker, run_faces, run_joining, run_waiting, run_without_broker

PEOPLE: Final = 8
PICTURES_OF_EACH: Final = 20
DISTRIBUTIONS: Final = ("pyzmq", "msgspec", "onnxruntime", "opencv-python-headless")


def machine() -> Record:
    """Say where all this is measured."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "part": "machine",
        "processor": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 2),
        "moodcue": __version__,
        "python": platform.python_version(),
        "libzmq": zmq.zmq_version(),
        **{name: version(name) for name in DISTRIBUTIONS},
    }


def broker_records(options: argparse.Namespace) -> Iterator[Record]:
    """Measure the broker on one core, and the same without it, with more and more frames."""
    core = frozenset([min(os.sched_getaffinity(0))])
    for rate in options.broker_rates:
        load = tiny_load(options, total_rate=rate)
        yield run_without_broker(load=load, cores=core)
        yield run_broker(max(options.workers), load=load, cores=core)


def waiting_records(options: argparse.Namespace) -> Iterator[Record]:
    """Measure workers that wait."""
    load = tiny_load(options, total_rate=options.total_rate)
    for _ in range(options.repeats):
        for workers in options.workers:
            yield run_waiting(workers, load=load, wait_seconds=options.wait_ms / 1000)


def faces_records(options: argparse.Namespace) -> Iterator[Record]:
    """Measure workers that read faces, up to the number of cores."""
    load = people_load(options)
    for _ in range(options.repeats):
        for workers in range(1, len(os.sched_getaffinity(0)) + 1):
            yield run_faces(workers, load=load)


def joining_records(options: argparse.Namespace) -> Iterator[Record]:
    """Measure how soon a worker that is started is of use."""
    load = people_load(options)
    for _ in range(options.repeats):
        yield run_joining(load=load)


def tiny_load(options: argparse.Namespace, *, total_rate: float) -> Load:
    """Return cameras whose pictures are as long as real ones, but decoded in no time."""
    return Load(
        cameras=options.cameras,
        total_rate=total_rate,
        pictures=[[tiny_picture(options.frame_bytes)]],
        size=TINY_SIZE,
        seconds=options.seconds,
    )


def people_load(options: argparse.Namespace) -> Load:
    """Return cameras that show synthetic people."""
    weighted = options.faces_cameras * 1.25
    rate = options.faces_rate / weighted
    return Load(
        cameras=options.faces_cameras,
        total_rate=options.faces_rate,
        pictures=people(PEOPLE, pictures=PICTURES_OF_EACH, rate=rate),
        size=PEOPLE_SIZE,
        seconds=options.seconds,
    )


MEASURES: Final[dict[str, Callable[[argparse.Namespace], Iterator[Record]]]] = {
    "broker": broker_records,
    "waiting": waiting_records,
    "faces": faces_records,
    "joining": joining_records,
}


def measure(options: argparse.Namespace) -> int:
    """Measure the parts that are asked for, print what comes of it and draw it.

    Returns:
        The exit code, 1 if frames of a run are not accounted for.
    """
    records = []
    print(json.dumps(machine()), flush=True)
    for part in options.parts or MEASURES:
        for record in MEASURES[part](options):
            print(json.dumps(record), flush=True)
            records.append(record)
    middle = medians(records)
    for record in middle:
        print(json.dumps(record), flush=True)
    if options.plot:
        draw(middle, path=options.plot)
    unbalanced = sum(not record.get("balanced", True) for record in records)
    if unbalanced:
        print(f"scaling.py: {unbalanced} runs do not account for every frame", file=sys.stderr)
    return 1 if unbalanced else 0


def numbers(text: str) -> list[int]:
    """Read whole numbers above 0 with commas between them."""
    found = [int(part) for part in text.split(",")]
    if min(found) < 1:
        raise ValueError(text)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("parts", nargs="*", metavar="PART", help=f"{', '.join(MEASURES)}; none: all of them")
    add("--workers", type=numbers, default=[1, 2, 4, 8, 16, 32, 64], help="that wait")
    add("--wait-ms", type=float, default=50.0, help="that a worker waits for each frame")
    add("--cameras", type=int, default=200, help="for workers that wait, and for the broker alone")
    add("--total-rate", type=float, default=2000.0, help="frames per second of these cameras")
    add("--frame-bytes", type=int, default=50_000, help="length of their pictures")
    add("--broker-rates", type=numbers, default=[1000, 3000, 5000, 7000])
    add("--faces-cameras", type=int, default=32, help="for workers that read faces")
    add("--faces-rate", type=float, default=320.0, help="frames per second of these cameras")
    add("--seconds", type=float, default=5.0, help="that are measured of each run")
    add("--repeats", type=int, default=3, help="of each run; the medians come last")
    add("--plot", type=Path, help="where to draw the medians")
    options = parser.parse_args(arguments)
    for part in set(options.parts) - set(MEASURES):
        parser.error(f"{part!r} is no part; take some of {', '.join(MEASURES)}")
    return run_command("scaling.py", lambda: measure(options))


if __name__ == "__main__":
    sys.exit(main())
