"""The `moodcue-mer-indexer` command: its arguments."""

import argparse
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moodcue import __version__
from moodcue.arguments import number_up_to, whole_number
from moodcue.lifecycle import run_command
from moodcue.logs import configure_logging

_NAME = "moodcue-mer-indexer"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code."""
    options = _parser().parse_args(arguments)
    # Here, because it brings seconds of libraries that `--help` need not wait for.
    from moodcue_mer_indexer.commands import COMMANDS  # noqa: PLC0415 - see above

    configure_logging(service="mer-indexer", instance=str(os.getpid()))
    return run_command(_NAME, lambda: COMMANDS[options.command](options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_NAME, description="Finds the emotion of every song of a music library"
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_predict(commands)
    _add_facts(commands)
    _add_evaluate(commands)
    _add_build(commands)
    _add_watch(commands)
    _add_show(commands)
    _add_table(commands)
    _add_playlists(commands)
    _add_write_tags(commands)
    _add_bench_index(commands)
    _add_bench(commands)
    _add_compose(commands)
    _add_train(commands)
    _add_compare(commands)
    _add_export(commands)
    run = commands.add_parser("run", help="the service: compose if need be, build, publish")
    run.set_defaults(command="run")
    return parser


def _add_predict(commands: Any) -> None:
    predict = commands.add_parser("predict", help="print the emotion of audio files")
    predict.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    _add_model_and_workers(predict, workers=1)
    predict.set_defaults(command="predict")


def _add_facts(commands: Any) -> None:
    facts = commands.add_parser("facts", help="print tempo, key, loudness and sound of audio files")
    facts.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    facts.add_argument("--model", type=Path, help="model folder (default: the shipped one)")
    facts.set_defaults(command="facts")


def _add_evaluate(commands: Any) -> None:
    evaluate = commands.add_parser("evaluate", help="measure the model on labelled songs")
    evaluate.add_argument("--dataset", choices=["4q"], required=True, help="layout of the data")
    evaluate.add_argument("data", type=Path, metavar="PATH", help="folder with labels.csv")
    evaluate.add_argument(
        "--out-of-fold",
        type=Path,
        metavar="RUN",
        help="measure the fold models of a training run, each on the songs it has not seen",
    )
    evaluate.add_argument(
        "--index",
        type=Path,
        help="with --out-of-fold: publish what the fold models hear as an index",
    )
    _add_model_and_workers(evaluate, workers=os.cpu_count() or 1)
    evaluate.set_defaults(command="evaluate")


def _add_build(commands: Any) -> None:
    build = commands.add_parser("build", help="index a music folder")
    build.add_argument("music", type=Path, metavar="MUSIC")
    build.add_argument("--index", type=Path, required=True, help="folder of the index")
    _add_model_and_workers(build, workers=os.cpu_count() or 1)
    build.set_defaults(command="build")


def _add_watch(commands: Any) -> None:
    watch = commands.add_parser("watch", help="keep the index of a music folder fresh")
    watch.add_argument("music", type=Path, metavar="MUSIC")
    watch.add_argument("--index", type=Path, required=True, help="folder of the index")
    watch.add_argument(
        "--settle",
        type=_seconds,
        default=2.0,
        metavar="SECONDS",
        help="how long a new file must stay the same before it is read (default: 2)",
    )
    watch.add_argument(
        "--rescan",
        type=_seconds,
        default=300.0,
        metavar="SECONDS",
        help="longest time from one look at all files to the next; a network drive tells of no "
        "changes, so make it short there (default: 300)",
    )
    _add_model_and_workers(watch, workers=os.cpu_count() or 1)
    watch.set_defaults(command="watch")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


def _add_show(commands: Any) -> None:
    show = commands.add_parser("show", help="print the balance of a library, and draw it")
    show.add_argument("index", type=Path, metavar="INDEX")
    show.add_argument("--out", type=Path, metavar="SVG", help="file for the picture")
    show.set_defaults(command="show")


def _add_table(commands: Any) -> None:
    table = commands.add_parser("table", help="write all songs of an index as CSV")
    table.add_argument("index", type=Path, metavar="INDEX")
    table.add_argument("--out", type=Path, required=True, metavar="CSV")
    table.set_defaults(command="table")


def _add_playlists(commands: Any) -> None:
    playlists = commands.add_parser("playlists", help="write a playlist for each mood")
    playlists.add_argument("index", type=Path, metavar="INDEX")
    playlists.add_argument("--out", type=Path, required=True, metavar="DIR")
    playlists.add_argument(
        "--absolute", action="store_true", help="name songs by absolute paths, not from DIR"
    )
    _add_sure(playlists)
    playlists.set_defaults(command="playlists")


def _add_write_tags(commands: Any) -> None:
    tags = commands.add_parser(
        "write-tags",
        help="write moods into the tags of the music files",
        description="Writes MOOD, MOODCUE_VALENCE and MOODCUE_AROUSAL into the tags of every "
        "indexed file of MUSIC, and touches nothing else in it. The mood of somebody else stays.",
    )
    tags.add_argument("music", type=Path, metavar="MUSIC")
    tags.add_argument("--index", type=Path, required=True, help="folder of the index of MUSIC")
    tags.add_argument("--dry-run", action="store_true", help="only say what would be done")
    tags.add_argument("--remove", action="store_true", help="take out what was written")
    _add_sure(tags)
    tags.set_defaults(command="write-tags")


def _add_sure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sure",
        type=number_up_to(1),
        default=0.5,
        metavar="SHARE",
        help="least probability of a song's quadrant for it to have a mood (default: 0.5)",
    )


def _add_bench_index(commands: Any) -> None:
    bench = commands.add_parser("bench-index", help="measure the index with made-up songs")
    bench.add_argument("--songs", type=whole_number(0), default=1_000_000, help="how many; 0: none")
    bench.add_argument(
        "--files",
        type=whole_number(0),
        default=10_000,
        help="files of a library that is indexed again; 0: none",
    )
    bench.add_argument(
        "--compare", action="store_true", help="measure other types of index beside ours"
    )
    bench.set_defaults(command="bench-index")


def _add_bench(commands: Any) -> None:
    bench = commands.add_parser("bench", help="measure what a minute of music costs")
    bench.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    bench.add_argument("--model", type=Path, help="model folder (default: the shipped one)")
    bench.set_defaults(command="bench")


def _add_compose(commands: Any) -> None:
    compose = commands.add_parser("compose", help="compose the demo library into a folder")
    compose.add_argument("folder", type=Path, metavar="DIR")
    compose.add_argument("--pieces", type=int, default=36, help="how many (default: 36)")
    compose.add_argument("--seed", type=int, default=1, help="another seed gives other music")
    compose.add_argument(
        "--check", action="store_true", help="compare what is intended with what the model hears"
    )
    _add_model_and_workers(compose, workers=os.cpu_count() or 1)
    compose.set_defaults(command="compose")


def _add_train(commands: Any) -> None:
    train = commands.add_parser("train", help="train the model (needs the extra 'train')")
    _add_options_of_training(train, folds=10, epochs=25)
    train.add_argument(
        "--taggers", type=Path, help="folder of the backbone's weights (default: package musicnn)"
    )
    train.set_defaults(command="train")


def _add_compare(commands: Any) -> None:
    compare = commands.add_parser(
        "compare", help="train architectures from random weights on equal terms (extra 'train')"
    )
    _add_options_of_training(compare, folds=5, epochs=30)
    compare.add_argument(
        "--features", type=Path, metavar="CSV", help="features by SongID, for an SVM beside them"
    )
    compare.set_defaults(command="compare")


def _add_options_of_training(parser: Any, *, folds: int, epochs: int) -> None:
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of labelled music")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; resumes there")
    parser.add_argument(
        "--cache", type=Path, help="folder of what is computed once (default: OUT/cache)"
    )
    parser.add_argument("--folds", type=whole_number(2), default=folds)
    parser.add_argument("--epochs", type=whole_number(1), default=epochs)
    parser.add_argument("--seed", type=whole_number(0), default=0)
    parser.add_argument("--jobs", type=whole_number(1), default=1, help="processes that listen")


def _add_export(commands: Any) -> None:
    export = commands.add_parser("export", help="make a model folder of a finished training run")
    export.add_argument("run", type=Path, metavar="RUN")
    export.add_argument("--out", type=Path, required=True, metavar="MODEL_DIR")
    export.set_defaults(command="export")


def _add_model_and_workers(parser: argparse.ArgumentParser, *, workers: int) -> None:
    parser.add_argument("--model", type=Path, help="model folder (default: the shipped one)")
    parser.add_argument(
        "--workers", type=whole_number(1), default=workers, help=f"processes (default: {workers})"
    )
