"""Run all of Moodcue on this machine without Docker, and show its recommendations.

Started by `make demo`. Every part is a process of its own, as in Docker Compose; its log is a
file under `.moodcue/logs/`.
"""

import argparse
import hashlib
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from moodcue.bus import DEFAULT_HOST, DEFAULT_PORT, Port
from moodcue.client import subscribe
from moodcue.errors import MoodcueError
from moodcue.events import Recommendation
from moodcue.lifecycle import STOP_SIGNALS, stop_on_signals
from moodcue.telling import as_text
from supervisor import Child, Supervisor, run_to_end

STATE = Path(".moodcue")
BROWSER = "browser"
"""Stands for no camera: browsers are cameras by the page."""
PAGE_SECONDS = 60.0
"""A gateway that takes longer to listen is told of nevertheless."""
ENDING = (*STOP_SIGNALS, signal.SIGHUP)


class DemoError(MoodcueError):
    """The demo cannot start or go on."""


def main(arguments: list[str] | None = None) -> int:
    """Run the demo until Ctrl-C; returns the exit code."""
    options = _parser().parse_args(arguments)
    with own_terminal(), stop_on_signals(ENDING) as stop:
        try:
            run(options, stop)
        except MoodcueError as error:
            print(f"demo: {error}", file=sys.stderr)
            return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--camera",
        default="synthetic",
        help="number, file, folder or URL; browser: none but those of browsers",
    )
    parser.add_argument("--music", type=Path, help="folder of music; none: a composed library")
    parser.add_argument("--workers", type=int, default=2, help="how many FER workers to start")
    parser.add_argument("--port", type=int, default=8080, help="of the live page")
    parser.add_argument("--bus-port", type=int, default=DEFAULT_PORT, help="first of the broker's")
    return parser


def run(options: argparse.Namespace, stop: threading.Event) -> None:
    """Prepare the library, start the services, and show what they answer.

    Raises:
        DemoError: if something is missing or taken, or a service cannot be kept running.
    """
    check_camera(options.camera)
    check_ports(options.bus_port, options.port)
    environment = make_environment(options)
    prepare_library(environment, stop)
    if stop.is_set():
        return
    supervisor = Supervisor(
        services(options.workers, camera=options.camera),
        environment=environment,
        logs=STATE / "logs",
        say=say,
    )
    with supervisor:
        wait_for_page(supervisor, stop, port=options.port)
        say(f"listening; the live page is http://127.0.0.1:{options.port}  (Ctrl-C ends the demo)")
        show_recommendations(supervisor, stop, bus_port=options.bus_port)
        say("ending")


def say(text: str) -> None:
    """Print a line about the demo itself."""
    print(f"demo: {text}", flush=True)


def check_camera(camera: str) -> None:
    """Refuse a file or folder that is not there, before anything is started.

    Raises:
        DemoError: naming it.
    """
    is_name = camera in ("synthetic", BROWSER) or camera.isdigit() or "://" in camera
    if not is_name and not Path(camera).expanduser().exists():
        raise DemoError(
            f"CAMERA={camera}: no such file or folder; give a path, a URL, a webcam's number, "
            "or leave it out"
        )


def check_ports(bus_port: int, page_port: int) -> None:
    """Refuse to start beside something that listens on a port of ours.

    Raises:
        DemoError: naming the port and the variable that changes it.
    """
    wanted = [(page_port, "PORT")] + [(bus_port + port, "BUS_PORT") for port in Port]
    for port, variable in wanted:
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((DEFAULT_HOST, port))
            except (OSError, OverflowError) as error:
                raise DemoError(
                    f"port {port} cannot be used ({error}); stop what listens there, or: "
                    f"make demo {variable}=ANOTHER"
                ) from error


def make_environment(options: argparse.Namespace) -> dict[str, str]:
    """Return the environment of all services; what the caller has set already wins.

    Raises:
        DemoError: if the folder of music is not there.
    """
    camera = options.camera
    if "://" not in camera and Path(camera).expanduser().exists():
        camera = str(Path(camera).expanduser().resolve())
    ours = {
        "MOODCUE_BUS_PORT": str(options.bus_port),
        "MOODCUE_CAMERA_SOURCE": camera,
        "MOODCUE_CAMERA_LOOP": "true",
        "MOODCUE_GATEWAY_PORT": str(options.port),
        "MOODCUE_GATEWAY_STATE_DIR": str(STATE / "gateway"),
        "MOODCUE_MER_INDEXER_COMPOSE_DIR": str(STATE / "music"),
        "MOODCUE_RECOMMENDER_STATE_DIR": str(STATE / "recommender"),
    }
    index = STATE / "index"
    if options.music is not None:
        music = options.music.expanduser().resolve()
        if not music.is_dir():
            raise DemoError(f"MUSIC={options.music}: no such folder; give a folder of music")
        index = STATE / f"index-{hashlib.sha256(str(music).encode()).hexdigest()[:12]}"
        ours["MOODCUE_MER_INDEXER_MUSIC_DIR"] = str(music)
        ours["MOODCUE_MER_INDEXER_COMPOSE_IF_EMPTY"] = "false"
    for service in ("GATEWAY", "MER_INDEXER", "RECOMMENDER"):
        ours[f"MOODCUE_{service}_INDEX_DIR"] = str(index)
    return {**ours, **os.environ}


def prepare_library(environment: dict[str, str], stop: threading.Event) -> None:
    """Compose the demo library if it is wanted and missing, and bring the index up to date.

    Raises:
        DemoError: if no index came of it.
    """
    say("preparing the library; the first time this takes a minute or two")
    quiet = {"MOODCUE_LOG_LEVEL": "warning", **environment}
    command = [sys.executable, "-m", "moodcue_mer_indexer", "run"]
    code, output = run_to_end(command, quiet, stop)
    if code != 0 and not stop.is_set():
        raise DemoError("no library to recommend from, see above")
    for line in output.splitlines():
        report = json.loads(line)
        doubles = f", doubles: {report['folded']}" if report["folded"] else ""
        say(f"the library has {report['songs']} songs, {report['analysed']} new files{doubles}")
        for path, failure in report["failures"].items():
            say(f"left out {path}: {failure['reason']}; {failure['remedy']}")


def services(workers: int, *, camera: str) -> list[Child]:
    """List the processes, the broker first."""
    single = ["broker", "aggregator", "recommender", "gateway"]
    if camera != BROWSER:
        single.append("camera")
    return [
        *(Child(name, [sys.executable, "-m", f"moodcue_{name}", "run"]) for name in single),
        *(
            Child(f"fer-{n}", [sys.executable, "-m", "moodcue_fer", "run"])
            for n in range(1, workers + 1)
        ),
    ]


def wait_for_page(supervisor: Supervisor, stop: threading.Event, *, port: int) -> None:
    """Wait until the gateway takes connections: only then is its address worth opening."""
    deadline = time.monotonic() + PAGE_SECONDS
    while not stop.wait(0.1) and time.monotonic() < deadline:
        supervisor.check()
        with closing(socket.socket()) as probe:
            if probe.connect_ex((DEFAULT_HOST, port)) == 0:
                return


def show_recommendations(supervisor: Supervisor, stop: threading.Event, *, bus_port: int) -> None:
    """Print recommendations, and what happens to the processes, until told to stop."""
    started = time.time_ns()
    curve_dir = os.environ.get("MOODCUE_CURVE_DIR")
    with subscribe(
        "recommendation/", port=bus_port, curve_dir=Path(curve_dir) if curve_dir else None
    ) as subscription:
        while not stop.is_set():
            supervisor.check()
            event = subscription.get(timeout_seconds=0.2)
            if isinstance(event, Recommendation) and event.time >= started:
                print(as_text(event), flush=True)


@contextmanager
def own_terminal() -> Iterator[None]:
    """Take Ctrl-C from `make`, which would turn the demo's orderly end into a failure of its own.

    On a terminal, the demo becomes its foreground process group until it ends.
    """
    if not sys.stdin.isatty() or os.getpgrp() == os.getpid():
        yield
        return
    terminal, group = sys.stdin.fileno(), os.tcgetpgrp(sys.stdin.fileno())
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpgrp())
    try:
        yield
    finally:
        os.tcsetpgrp(terminal, group)


if __name__ == "__main__":
    sys.exit(main())
