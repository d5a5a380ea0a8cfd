"""The `moodcue` command: listen to events, ask for songs, make keys."""

import argparse
import socket
import sys
from pathlib import Path

from moodcue import __version__
from moodcue.arguments import emotions, point, seconds, whole_number
from moodcue.asking import ask
from moodcue.bus import DEFAULT_HOST, DEFAULT_PORT, MAX_PORT, BusAddress, Port
from moodcue.client import subscribe
from moodcue.codec import Message, as_json
from moodcue.errors import MoodcueError, ProtocolError, SettingsError
from moodcue.events import HoldReason, Mode
from moodcue.security import create_keys, has_keys, load_keys
from moodcue.telling import as_text
from moodcue.topics import Family, topic

QUIET_SECONDS = 3.0
"""A listener that hears nothing for so long is told if there is no broker."""
MAX_SONGS = 50


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except MoodcueError as error:
        print(f"moodcue: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does.
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="moodcue", description="Moodcue's events")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listen = commands.add_parser("listen", help="print events as they happen")
    listen.add_argument("--topic", default="recommendation/", help="topic or its beginning")
    listen.add_argument("--json", action="store_true", help="one JSON object per line")
    listen.add_argument(
        "--after-seq", type=whole_number(0), metavar="N", help="replay what came after N"
    )
    listen.add_argument(
        "--count", type=whole_number(0), default=0, help="end after so many; 0: never"
    )
    _add_broker(listen)
    listen.set_defaults(command=_listen)
    _add_mood(commands.add_parser("mood", help="ask for songs by a mood, or set a room's mode"))
    keys = commands.add_parser("keys", help="make CURVE keys for the broker and its clients")
    keys.add_argument("folder", type=Path)
    keys.add_argument("--if-missing", action="store_true", help="check and keep what is there")
    keys.add_argument(
        "--before-broker",
        metavar="HOST",
        help="make none while a broker runs there: it would go on without them",
    )
    keys.set_defaults(command=_keys)
    return parser


def _add_broker(command: argparse.ArgumentParser) -> None:
    command.add_argument("--host", default=DEFAULT_HOST, help="host of the broker")
    command.add_argument(
        "--port",
        type=whole_number(1, MAX_PORT),
        default=DEFAULT_PORT,
        help="first port of the broker",
    )
    command.add_argument("--curve-dir", type=Path, help="folder with a client's keys")


def _add_mood(mood: argparse.ArgumentParser) -> None:
    given = mood.add_mutually_exclusive_group()
    given.add_argument("word", nargs="?", help="such as calm")
    given.add_argument("--point", type=point, metavar="V,A", help="as --point=-0.6,0.4")
    given.add_argument(
        "--emotions", type=emotions, metavar="NAME=WEIGHT,…", help="as happiness=1,neutral=2"
    )
    mood.add_argument(
        "--mode", choices=[mode.value for mode in Mode], help="with a mood: for this answer alone"
    )
    mood.add_argument("--room", default="manual", help="camera of the room; default: manual")
    mood.add_argument("--count", type=whole_number(1, MAX_SONGS), default=5, help="how many songs")
    mood.add_argument("--json", action="store_true", help="one JSON object")
    mood.add_argument("--timeout", type=seconds, default=5.0, metavar="SECONDS")
    _add_broker(mood)
    mood.set_defaults(command=_mood)


def _listen(options: argparse.Namespace) -> int:
    printed = 0
    with subscribe(
        options.topic,
        host=options.host,
        port=options.port,
        after_seq=options.after_seq,
        curve_dir=options.curve_dir,
    ) as subscription:
        problem = None
        while not options.count or printed < options.count:
            message = subscription.get_message(QUIET_SECONDS)
            if message is not None:
                text = as_json(message) if options.json else as_text(message.event)
                print(text, flush=True)
                printed += 1
            before, problem = problem, subscription.problem()
            if problem and not before:
                where = f"{options.host}, ports from {options.port}"
                print(f"moodcue: {problem} at {where}; waiting for it", file=sys.stderr)
    return 0


def _mood(options: argparse.Namespace) -> int:
    if not (options.word or options.point or options.emotions or options.mode):
        raise ProtocolError("say what you want: a word such as calm, --point, --emotions or --mode")
    address = BusAddress(options.host, options.port, load_keys(options.curve_dir))
    answer = ask(
        options.room,
        address=address,
        timeout_seconds=options.timeout,
        mood=options.word,
        point=options.point,
        probabilities=options.emotions,
        mode=Mode(options.mode) if options.mode else None,
        count=options.count,
    )
    if answer.hold is HoldReason.NOT_UNDERSTOOD:
        raise ProtocolError(answer.detail)
    message = Message(topic(Family.RECOMMENDATION, options.room), answer)
    print(as_json(message) if options.json else as_text(answer))
    return 0 if answer.hold is None else 1


def _keys(options: argparse.Namespace) -> int:
    if options.if_missing and has_keys(options.folder):
        load_keys(options.folder, broker=True)
        load_keys(options.folder)
        print(f"the keys in {options.folder} are whole and stay")
        return 0
    if options.before_broker and _broker_runs(options.before_broker):
        raise SettingsError(
            f"no keys made: a broker runs at {options.before_broker} and would go on without them; "
            "end all of Moodcue first, for instance: docker compose down"
        )
    create_keys(options.folder)
    print(f"keys made in {options.folder}; start every process with MOODCUE_CURVE_DIR set to it")
    return 0


def _broker_runs(host: str) -> bool:
    try:
        with socket.create_connection((host, DEFAULT_PORT + Port.EVENTS_OUT), timeout=2):
            return True
    except OSError:
        return False
