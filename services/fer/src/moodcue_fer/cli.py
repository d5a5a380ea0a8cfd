"""Command line of the face-emotion service: one JSON object per line on stdout, logs on stderr."""

import argparse
import logging
import re
import sys
from pathlib import Path

import cv2

from moodcue import __version__
from moodcue.arguments import whole_number
from moodcue.errors import MoodcueError
from moodcue.lifecycle import run_command
from moodcue.settings import load_settings
from moodcue_fer import app, bench, commands, generator_cli, measures, training_cli
from moodcue_fer.analysis import FaceAnalyser
from moodcue_fer.clips import Source
from moodcue_fer.model import FerModel
from moodcue_fer.personal import parse_shares
from moodcue_fer.records import print_records
from moodcue_fer.settings import FerSettings

_NAME = "moodcue-fer"
MOST = 1000


def main(arguments: list[str] | None = None) -> int:
    """Run a command; exit code 0 only if all of it succeeded."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr)
    cv2.setNumThreads(1)
    return run_command(_NAME, lambda: int(options.run(options)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=_NAME, description="Face emotion recognition of Moodcue.")
    parser.add_argument("--version", action="version", version=__version__)
    commands_ = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands_.add_parser("run", help="run the worker (settings: MOODCUE_FER_...)")
    run.set_defaults(run=lambda _: app.run(load_settings(FerSettings)))

    predict = commands_.add_parser("predict", help="read the faces of pictures")
    predict.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    predict.add_argument("--crop", action="store_true", help="each picture is a face already")
    predict.set_defaults(run=_predict)

    evaluate = commands_.add_parser("evaluate", help="measure the model on labelled faces")
    evaluate.add_argument("path", type=Path, metavar="PATH")
    evaluate.add_argument(
        "--dataset", required=True, choices=("fer2013", "ck48", "folder", "people")
    )
    evaluate.add_argument("--split", default="PublicTest", help="part of FER2013")
    evaluate.add_argument("--model", type=Path, help="model folder; default: the settings'")
    evaluate.add_argument(
        "--what",
        choices=("accuracy", "robustness", "prior"),
        default="accuracy",
        help="robustness and prior: of FER2013 only",
    )
    evaluate.add_argument(
        "--mix", type=_mix, help="shares of emotions to correct for: neutral=0.7,happiness=0.2"
    )
    evaluate.add_argument(
        "--pictures", type=Path, metavar="DIR", help="draw the accuracy (extra: train)"
    )
    evaluate.set_defaults(run=_evaluate)

    timing = commands_.add_parser("bench", help="time each stage over the frames of a clip")
    timing.add_argument("clip", type=Path, metavar="CLIP", help="video, or folder of pictures")
    timing.add_argument("--size", type=_size, help="bring frames to such a size: 640x480")
    timing.add_argument(
        "--faces", type=whole_number(1, MOST), default=1, help="copies of each picture in a frame"
    )
    timing.add_argument("--rate", type=_positive, help="frames per second of a video; default: all")
    timing.set_defaults(run=_bench)

    own = commands_.add_parser("baseline", help="keep one's own face at rest for the settings")
    own.add_argument("clip", type=Path, metavar="CLIP", help="video, or folder of pictures")
    own.add_argument("--out", required=True, type=Path, metavar="FILE", help="such as me.json")
    own.set_defaults(run=_baseline)

    training_cli.add_commands(commands_)
    generator_cli.add_commands(commands_)
    return parser


def _predict(options: argparse.Namespace) -> int:
    settings = load_settings(FerSettings)
    analyser = FaceAnalyser(
        search=app.build_search(settings),
        model=app.build_model(settings),
        most_faces=settings.most_faces,
    )
    return print_records(commands.predict(options.paths, analyser=analyser, is_crop=options.crop))


def _evaluate(options: argparse.Namespace) -> int:
    folder = options.model or load_settings(FerSettings).model_folder
    if options.what != "accuracy" and options.dataset != "fer2013":
        raise MoodcueError(
            f"--what {options.what} is measured on FER2013 alone: give --dataset fer2013 and its "
            f"folder, not {options.dataset}"
        )
    model = FerModel(folder)
    if options.dataset == "people":
        return print_records(measures.measure_neutral_baseline(options.path, model=model))
    if options.what == "robustness":
        return print_records(
            measures.measure_robustness(options.path, split=options.split, model=model)
        )
    if options.what == "prior":
        return print_records(measures.measure_prior(options.path, split=options.split, model=model))
    record = measures.evaluate_dataset(
        options.dataset, folder=options.path, split=options.split, model=model, mix=options.mix
    )
    code = print_records([record])
    # Last, so that a folder that is not there does not cost the figures.
    if options.pictures is not None:
        training_cli.draw_evaluation(record, folder=options.pictures)
    return code


def _bench(options: argparse.Namespace) -> int:
    settings = load_settings(FerSettings)
    source = Source(path=options.clip, size=options.size, faces=options.faces, rate=options.rate)
    with app.loopback() as publish:
        record = bench.bench(
            source,
            analyser=app.build_analyser(settings),
            publish=publish,
            facts=app.describe_parts(settings),
        )
    return print_records([record])


def _baseline(options: argparse.Namespace) -> int:
    unfitted = {"neutral_baseline": None, "expected_mix": None}
    settings = load_settings(FerSettings).model_copy(update=unfitted)
    record = commands.make_baseline(
        Source(path=options.clip),
        analyser=app.build_analyser(settings),
        manifest=app.build_model(settings).manifest,
        out=options.out,
    )
    return print_records([record])


def _mix(text: str) -> str:
    try:
        parse_shares(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{1,3})x([1-9]\d{1,3})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 640x480")
    return int(match[1]), int(match[2])


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number <= MOST:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most {MOST}")
    return number
