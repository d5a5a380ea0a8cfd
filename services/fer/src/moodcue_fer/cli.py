"""Command line of the face-emotion service: one JSON object per line on stdout, logs on stderr."""

import argparse
import json
import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2

from moodcue import __version__
from moodcue.errors import MoodcueError
from moodcue.lifecycle import run_command
from moodcue.settings import load_settings
from moodcue_fer import app, commands, measures
from moodcue_fer.analysis import FaceAnalyser
from moodcue_fer.model import SHIPPED_MODEL, FerModel
from moodcue_fer.settings import FerSettings

_NAME = "moodcue-fer"


def main(arguments: list[str] | None = None) -> int:
    """Run a command; exit code 0 only if all of it succeeded."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
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
    evaluate.set_defaults(run=_evaluate)

    bench = commands_.add_parser("bench", help="time each stage over the frames of a clip")
    bench.add_argument("clip", type=Path, metavar="CLIP")
    bench.set_defaults(run=_bench)

    _add_training_commands(commands_)
    return parser


def _add_training_commands(
    commands_: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    train = commands_.add_parser("train", help="train the network (extra: train)")
    train.add_argument("data", type=Path, metavar="DATA", help="folder of FER2013")
    train.add_argument("--out", required=True, type=Path, metavar="RUN", help="folder of the run")
    train.add_argument("--epochs", type=int, help="passes over the training pictures")
    train.add_argument("--batch-size", type=int, help="pictures per step")
    train.add_argument("--learning-rate", type=float, help="peak of the schedule")
    train.add_argument("--vote-share", type=float, help="weight of the FER+ votes, 0..1")
    train.add_argument("--channels", type=_channels, help="such as 32,48,128,256")
    train.add_argument("--yunet", type=Path, help="YuNet's ONNX file, to learn frontality from")
    train.add_argument(
        "--teacher", action="append", type=Path, default=[], help="finished run to learn from"
    )
    train.add_argument("--teacher-share", type=float, help="weight of the teachers, 0..1")
    train.add_argument("--mixup", type=float, help="parameter of mixup, 0 for none")
    train.add_argument("--seed", type=int, help="seed of the run")
    train.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    train.add_argument("--threads", type=int, default=1, help="threads on the CPU")
    train.set_defaults(run=_train)

    export = commands_.add_parser("export", help="make a model folder of a run (extra: train)")
    export.add_argument("training_run", type=Path, metavar="RUN")
    export.add_argument("--data", required=True, type=Path, help="folder of FER2013")
    export.add_argument("--out", required=True, type=Path, metavar="MODEL_DIR")
    export.add_argument("--mirror", action="store_true", help="mean over a face and its mirror")
    export.set_defaults(run=_export)


def _predict(options: argparse.Namespace) -> int:
    settings = load_settings(FerSettings)
    analyser = FaceAnalyser(
        detector=app.build_detector(settings),
        model=FerModel(settings.model_dir or SHIPPED_MODEL),
        most_faces=settings.most_faces,
    )
    return _print(commands.predict(options.paths, analyser=analyser, is_crop=options.crop))


def _evaluate(options: argparse.Namespace) -> int:
    folder = options.model or load_settings(FerSettings).model_dir or SHIPPED_MODEL
    model = FerModel(folder)
    if options.dataset == "people":
        return _print(measures.measure_neutral_baseline(options.path, model=model))
    if options.what == "robustness":
        return _print(measures.measure_robustness(options.path, split=options.split, model=model))
    if options.what == "prior":
        return _print(measures.measure_prior(options.path, split=options.split, model=model))
    record = measures.evaluate_dataset(
        options.dataset, folder=options.path, split=options.split, model=model
    )
    return _print([record])


def _bench(options: argparse.Namespace) -> int:
    analyser = app.build_analyser(load_settings(FerSettings))
    return _print([commands.bench(options.clip, analyser=analyser)])


def _train(options: argparse.Namespace) -> int:
    try:
        # torch comes with the extra
        from moodcue_fer.training.network import NetworkShape  # noqa: PLC0415 - as said
        from moodcue_fer.training.train import train  # noqa: PLC0415 - as said
    except ImportError as error:
        raise _training_extra_missing(error) from error
    names = (
        *("epochs", "batch_size", "learning_rate", "seed"),
        *("vote_share", "mixup", "teacher_share"),
    )
    changes = {name: value for name in names if (value := getattr(options, name)) is not None}
    if options.channels is not None:
        stem, *widths = options.channels
        changes["shape"] = NetworkShape(stem=stem, widths=tuple(widths))
    return _print(
        train(
            options.data,
            folder=options.out,
            changes=changes,
            device=options.device,
            threads=options.threads,
            yunet=options.yunet,
            teachers=options.teacher,
        )
    )


def _export(options: argparse.Namespace) -> int:
    try:
        from moodcue_fer.training.export import export  # noqa: PLC0415 - torch comes with the extra
    except ImportError as error:
        raise _training_extra_missing(error) from error
    record = export(
        options.training_run, data=options.data, folder=options.out, mirror=options.mirror
    )
    return _print([record])


def _training_extra_missing(error: ImportError) -> MoodcueError:
    return MoodcueError(f"{error.name} is missing: pip install 'moodcue-fer[train]'")


def _channels(text: str) -> tuple[int, ...]:
    channels = tuple(int(part) for part in text.split(","))
    if len(channels) != 4 or min(channels) < 1:  # noqa: PLR2004 - stem and three stages
        raise argparse.ArgumentTypeError(f"{text!r} is not four numbers such as 32,48,128,256")
    return channels


def _print(records: Iterable[dict[str, Any]]) -> int:
    failed = False
    for record in records:
        print(json.dumps(record), flush=True)
        failed = failed or "error" in record
    return 1 if failed else 0
