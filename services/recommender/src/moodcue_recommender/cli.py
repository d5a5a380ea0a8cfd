"""The `moodcue-recommender` command: run the service, ask an index, read the log, measure."""

import argparse
import json
from pathlib import Path

import msgspec

from moodcue import __version__
from moodcue.arguments import whole_number
from moodcue.codec import Message, as_json
from moodcue.errors import ProtocolError
from moodcue.events import SongMatch
from moodcue.lifecycle import run_command
from moodcue.logs import configure_logging
from moodcue.moods import point_of_mood, seven_of_mood
from moodcue.settings import load_settings
from moodcue.taxonomy import emotions_at, vector_from_mapping
from moodcue_recommender.answerer import topic_of
from moodcue_recommender.app import SERVICE, run
from moodcue_recommender.bench import measure
from moodcue_recommender.evaluate import evaluate, read_labels
from moodcue_recommender.library import Library
from moodcue_recommender.listeners import simulate
from moodcue_recommender.log import read_log
from moodcue_recommender.picture import draw_risk_coverage
from moodcue_recommender.ranking import rank
from moodcue_recommender.settings import MAX_SONGS, RecommenderSettings
from moodcue_recommender.turns import turns
from moodcue_recommender.vectors import Matching

_NAME = "moodcue-recommender"
_POINT_LENGTH = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    return run_command(_NAME, lambda: int(options.command(options)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description="Answers every emotion window with songs of the listener's own library",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    service = commands.add_parser("run", help="start the service; settings from the environment")
    service.set_defaults(command=lambda _: run(load_settings(RecommenderSettings)))
    _add_query(commands.add_parser("query", help="print the songs that an index has for a mood"))
    log = commands.add_parser("log", help="print the recommendations that were kept")
    log.add_argument("--since", type=int, default=0, metavar="SEQ", help="only what came after")
    log.add_argument("--camera", help="only this one")
    log.add_argument("--state-dir", type=Path, help="default: MOODCUE_RECOMMENDER_STATE_DIR")
    log.set_defaults(command=_log)
    _add_evaluate(commands.add_parser("evaluate", help="measure a library that people labelled"))
    bench = commands.add_parser("bench", help="time answers over a made-up library")
    bench.add_argument("--songs", type=whole_number(1), default=100_000)
    bench.add_argument("--windows", type=whole_number(1), default=1000)
    bench.set_defaults(command=_bench)
    return parser


def _add_query(query: argparse.ArgumentParser) -> None:
    query.add_argument("--index", type=Path, required=True, help="folder of the index")
    mood = query.add_mutually_exclusive_group(required=True)
    mood.add_argument("--emotions", metavar="NAME=WEIGHT,…", help="as happiness=0.8,neutral=0.2")
    mood.add_argument("--mood", metavar="WORD", help="as calm")
    mood.add_argument("--point", metavar="V,A", help="valence and arousal, each -1 to 1")
    query.add_argument(
        "-k", type=whole_number(1, MAX_SONGS), default=5, help=f"how many songs, 1 to {MAX_SONGS}"
    )
    query.add_argument(
        "--matching",
        type=Matching,
        choices=list(Matching),
        default=Matching.PLANE,
        help="how faces and songs are compared",
    )
    query.set_defaults(command=_query)


def _add_evaluate(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument("--library", type=Path, required=True, metavar="INDEX")
    evaluate.add_argument(
        "--labels", type=Path, required=True, metavar="CSV", help="columns file and quadrant"
    )
    evaluate.add_argument("--windows", type=whole_number(1), default=2000, help="default: 2000")
    evaluate.add_argument(
        "--seed", type=whole_number(0), default=1, help="another one, another listener"
    )
    evaluate.add_argument(
        "--steady-windows", type=whole_number(1), default=120, help="of a face that does not change"
    )
    evaluate.add_argument(
        "--picture", type=Path, metavar="SVG", help="draw the risk-coverage figure there"
    )
    evaluate.set_defaults(command=_evaluate)


def _query(options: argparse.Namespace) -> int:
    target = None
    if options.mood is not None:
        probabilities = seven_of_mood(options.mood)
        target = point_of_mood(options.mood)
    elif options.point is not None:
        target = _parse_point(options.point)
        probabilities = emotions_at(valence=target[0], arousal=target[1])
    else:
        probabilities = vector_from_mapping(_parse_emotions(options.emotions))
    library = Library.load(options.index, matching=options.matching)
    root = Path(library.manifest.music_root)
    songs = rank(library, probabilities, count=options.k, target=target).songs
    print(json.dumps({"songs": [_song_fields(song, root) for song in songs]}, ensure_ascii=False))
    return 0


def _song_fields(song: SongMatch, root: Path) -> dict[str, object]:
    fields = msgspec.to_builtins(song)
    return {**fields, "path": str(root.absolute() / song.path)}


def _parse_emotions(text: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, weight = part.partition("=")
        try:
            weights[name.strip()] = float(weight)
        except ValueError:
            raise ProtocolError(
                f"{part!r} is no emotion with its weight; write them as happiness=0.8,neutral=0.2"
            ) from None
    return weights


def _parse_point(text: str) -> tuple[float, float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != _POINT_LENGTH:
        raise ProtocolError(f"{text!r} is no point; write valence and arousal as 0.6,-0.7")
    return values[0], values[1]


def _log(options: argparse.Namespace) -> int:
    folder = options.state_dir or load_settings(RecommenderSettings).state_dir
    for event in read_log(folder, after_seq=options.since, camera=options.camera):
        print(as_json(Message(topic_of(event.camera), event)))
    return 0


def _bench(options: argparse.Namespace) -> int:
    configure_logging(service=SERVICE, instance="bench", level="warning")
    print(json.dumps(measure(songs=options.songs, windows=options.windows)))
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    labels = read_labels(options.labels)
    figures = evaluate(
        options.library,
        labels,
        windows=options.windows,
        seed=options.seed,
        steady_windows=options.steady_windows,
    )
    rules = load_settings(RecommenderSettings).rules()
    listener = simulate(options.windows, seed=options.seed)
    print(json.dumps({**figures, "turns": turns(listener, rules.room)}), flush=True)
    # Last, so that a folder that is not there does not cost the figures.
    if options.picture is not None:
        options.picture.write_text(draw_risk_coverage(figures["risk_coverage"]), encoding="utf-8")
    return 0
