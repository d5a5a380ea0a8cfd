"""Command line of training: train, ablate, crossvalidate, export. Needs the extra `train`."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from moodcue.arguments import number_up_to, whole_number
from moodcue_fer.extras import training_extra
from moodcue_fer.records import print_records


def add_commands(
    commands_: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    """Add the commands of training to the parser of `moodcue-fer`."""
    train = commands_.add_parser("train", help="train the network (extra: train)")
    train.add_argument("data", type=Path, metavar="DATA", help="folder of FER2013")
    train.add_argument("--out", required=True, type=Path, metavar="RUN", help="folder of the run")
    train.add_argument("--epochs", type=whole_number(1), help="passes over the training pictures")
    train.add_argument(
        "--calm-epochs", type=whole_number(0), help="last passes, with less augmentation"
    )
    train.add_argument("--batch-size", type=whole_number(2), help="pictures per step")
    train.add_argument("--learning-rate", type=number_up_to(1), help="peak of the schedule, 0..1")
    train.add_argument("--vote-share", type=number_up_to(1), help="weight of the FER+ votes, 0..1")
    train.add_argument("--channels", type=_channels, help="such as 32,48,128,256")
    train.add_argument(
        "--rank",
        type=number_up_to(1),
        help="makes 3x3 convolutions of columns and rows, with so many of their channels between",
    )
    train.add_argument("--yunet", type=Path, help="YuNet's ONNX file, to learn frontality from")
    train.add_argument(
        "--teacher",
        action="append",
        type=Path,
        default=[],
        help="finished run or model folder to learn from; may be given again",
    )
    train.add_argument("--teacher-share", type=number_up_to(1), help="weight of the teachers, 0..1")
    train.add_argument("--start", type=Path, help="finished run or model folder to begin with")
    train.add_argument("--mixup", type=number_up_to(100), help="parameter of mixup, 0 for none")
    train.add_argument("--seed", type=whole_number(0), help="seed of the run")
    train.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    train.add_argument("--threads", type=whole_number(1), default=1, help="threads on the CPU")
    train.set_defaults(run=_train)

    ablate = commands_.add_parser(
        "ablate", help="measure what each ingredient brings (extra: train)"
    )
    ablate.add_argument("data", type=Path, metavar="DATA", help="folder of FER2013")
    ablate.add_argument(
        "--out", required=True, type=Path, metavar="RUNS", help="folder of the runs"
    )
    ablate.add_argument("--epochs", type=whole_number(1), default=12, help="passes per run")
    ablate.add_argument("--yunet", type=Path, help="YuNet's ONNX file, to learn frontality from")
    ablate.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    ablate.add_argument("--threads", type=whole_number(1), default=1, help="threads on the CPU")
    ablate.set_defaults(run=_ablate)

    cross = commands_.add_parser("crossvalidate", help="ten folds of CK+ (extra: train)")
    cross.add_argument("data", type=Path, metavar="CK48")
    cross.add_argument("--start", type=Path, help="run or model folder to begin with")
    cross.add_argument("--split", choices=("subject", "random"), default="subject")
    cross.add_argument("--threads", type=whole_number(1), default=1, help="threads on the CPU")
    cross.set_defaults(run=_crossvalidate)

    export = commands_.add_parser("export", help="make a model folder of a run (extra: train)")
    export.add_argument(
        "training_run", type=Path, metavar="RUN", help="finished run or model folder"
    )
    export.add_argument("--data", required=True, type=Path, help="folder of FER2013")
    export.add_argument("--out", required=True, type=Path, metavar="MODEL_DIR")
    export.add_argument("--mirror", action="store_true", help="mean over a face and its mirror")
    export.add_argument(
        "--logit-adjustment",
        type=number_up_to(1),
        default=0.0,
        help="0..1: how much of the training data's mix of emotions is taken out of the answers",
    )
    export.add_argument("--float32", action="store_true", help="not int8: for a GPU")
    export.set_defaults(run=_export)

    runtimes = commands_.add_parser(
        "compare-runtimes", help="time and measure ways to serve a model (extra: train)"
    )
    runtimes.add_argument(
        "training_run", type=Path, metavar="RUN", help="finished run or model folder"
    )
    runtimes.add_argument("--mirror", action="store_true", help="mean over a face and its mirror")
    runtimes.add_argument("--data", required=True, type=Path, help="folder of FER2013")
    runtimes.set_defaults(run=_compare_runtimes)


def draw_evaluation(record: dict[str, Any], *, folder: Path) -> None:
    """Draw a record of `evaluate` into a folder.

    Raises:
        MoodcueError: The extra is not installed.
    """
    with training_extra():
        from moodcue_fer.training.plots import draw_evaluation as draw  # noqa: PLC0415 - as below
    draw(record, folder=folder)


def _train(options: argparse.Namespace) -> int:
    with training_extra():
        # torch comes with the extra
        from moodcue_fer.training.network import NetworkShape  # noqa: PLC0415 - as said
        from moodcue_fer.training.train import train  # noqa: PLC0415 - as said
    names = (
        *("epochs", "calm_epochs", "batch_size", "learning_rate", "seed"),
        *("vote_share", "mixup", "teacher_share"),
    )
    changes = {name: value for name in names if (value := getattr(options, name)) is not None}
    shape = NetworkShape(rank=options.rank)
    if options.channels is not None:
        stem, *widths = options.channels
        shape = replace(shape, stem=stem, widths=tuple(widths))
    return print_records(
        train(
            options.data,
            folder=options.out,
            changes=changes | {"shape": shape},
            device=options.device,
            threads=options.threads,
            yunet=options.yunet,
            teachers=options.teacher,
            start=options.start,
        )
    )


def _ablate(options: argparse.Namespace) -> int:
    with training_extra():
        from moodcue_fer.training.ablation import ablate  # noqa: PLC0415 - torch comes with the extra
    return print_records(
        ablate(
            options.data,
            folder=options.out,
            epochs=options.epochs,
            device=options.device,
            threads=options.threads,
            yunet=options.yunet,
        )
    )


def _crossvalidate(options: argparse.Namespace) -> int:
    with training_extra():
        # torch comes with the extra
        from moodcue_fer.training.crossvalidate import cross_validate  # noqa: PLC0415 - as said
    return print_records(
        cross_validate(
            options.data, start=options.start, split=options.split, threads=options.threads
        )
    )


def _export(options: argparse.Namespace) -> int:
    with training_extra():
        from moodcue_fer.training.export import export  # noqa: PLC0415 - torch comes with the extra
    record = export(
        options.training_run,
        data=options.data,
        folder=options.out,
        mirror=options.mirror,
        int8=not options.float32,
        logit_adjustment=options.logit_adjustment,
    )
    return print_records([record])


def _compare_runtimes(options: argparse.Namespace) -> int:
    with training_extra():
        # onnx comes with the extra
        from moodcue_fer.training.runtimes import compare_runtimes  # noqa: PLC0415 - as said
    return print_records(
        compare_runtimes(options.training_run, data=options.data, mirror=options.mirror)
    )


def _channels(text: str) -> tuple[int, ...]:
    channels = tuple(int(part) for part in text.split(","))
    if len(channels) != 4 or min(channels) < 1:  # noqa: PLR2004 - stem and three stages
        raise argparse.ArgumentTypeError(f"{text!r} is not four numbers such as 32,48,128,256")
    return channels
