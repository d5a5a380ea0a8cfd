"""The commands that make, measure and look at the generator of faces of no one."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2

from moodcue.arguments import number_up_to, whole_number
from moodcue.errors import MoodcueError
from moodcue.taxonomy import EMOTIONS
from moodcue_fer.extras import training_extra
from moodcue_fer.generator import FaceGenerator, as_picture, draw_person, pure
from moodcue_fer.labels import label_index
from moodcue_fer.model import SHIPPED_MODEL, FerModel
from moodcue_fer.records import print_records


def add_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    """Add the four commands to those of `moodcue-fer`."""
    train = commands.add_parser("train-generator", help="train the generator (extra: train)")
    _add_data(train)
    train.add_argument("--guide", required=True, type=Path, help="run of train, reads the faces")
    train.add_argument("--out", required=True, type=Path, metavar="RUN", help="folder of the run")
    train.add_argument("--steps", type=whole_number(1), help="of the optimizers")
    train.add_argument("--seed", type=whole_number(0), help="seed of the run")
    train.add_argument("--threads", type=whole_number(1), default=1, help="threads on the CPU")
    train.set_defaults(run=_train)

    export = commands.add_parser(
        "export-generator", help="make a model folder of a run (extra: train)"
    )
    export.add_argument("generator_run", type=Path, metavar="RUN")
    export.add_argument("--out", required=True, type=Path, metavar="FOLDER")
    export.add_argument(
        "--people", type=number_up_to(1), help="how far from the mean people are, 0..1"
    )
    export.add_argument(
        "--refinement", type=number_up_to(1), help="share of the refining network, 0..1"
    )
    export.set_defaults(run=_export)

    evaluate = commands.add_parser(
        "evaluate-generator", help="measure the generator (extra: train)"
    )
    evaluate.add_argument("generator", type=Path, metavar="FOLDER", help="model folder")
    _add_data(evaluate, named=True)
    evaluate.add_argument("--judge", required=True, type=Path, help="model that did not guide")
    evaluate.add_argument("--model", type=Path, default=SHIPPED_MODEL, help="default: shipped")
    evaluate.add_argument(
        "--count", type=whole_number(1), default=500, help="faces of each emotion"
    )
    evaluate.set_defaults(run=_evaluate)

    generate = commands.add_parser("generate", help="write pictures of faces of no one")
    generate.add_argument("generator", type=Path, metavar="FOLDER", help="model folder")
    generate.add_argument("--emotion", required=True, help=f"one of {', '.join(EMOTIONS)}")
    generate.add_argument("--count", type=whole_number(1), default=16, help="how many people")
    generate.add_argument("--seed", type=whole_number(0), default=0, help="of the first person")
    generate.add_argument("--out", required=True, type=Path, metavar="DIR")
    generate.set_defaults(run=_generate)


def generate(
    folder: Path, *, emotion: str, count: int, seed: int, out: Path
) -> Iterator[dict[str, Any]]:
    """Write a grey picture of 256x256 for each of some people who do not exist.

    Args:
        folder: Model folder of the generator.
        emotion: What they show.
        count: How many people.
        seed: Of the first; the next ones follow.
        out: Folder of the pictures; made if it is not there.

    Yields:
        `path`, `seed` and `emotion` of each picture.

    Raises:
        MoodcueError: The emotion is none of the seven, or the model is not usable.
        OSError: A picture cannot be written.
    """
    place = label_index(emotion)
    if place is None:
        raise MoodcueError(f"emotion {emotion!r} is none of {', '.join(EMOTIONS)}")
    name = EMOTIONS[place]
    generator = FaceGenerator(folder)
    out.mkdir(parents=True, exist_ok=True)
    for person in range(seed, seed + count):
        path = out / f"{name}-{person:05d}.png"
        picture = as_picture(generator.face(draw_person(person), pure(name)))
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        yield {"path": str(path), "seed": person, "emotion": name}


def _add_data(parser: argparse.ArgumentParser, *, named: bool = False) -> None:
    if named:
        parser.add_argument("--data", required=True, type=Path, help="folder of FER2013")
    else:
        parser.add_argument("data", type=Path, metavar="DATA", help="folder of FER2013")
    parser.add_argument("--ck48", required=True, type=Path, help="folder of the CK+ crops")
    parser.add_argument("--yunet", required=True, type=Path, help="YuNet's ONNX file")


def _train(options: argparse.Namespace) -> int:
    with training_extra():
        from moodcue_fer.training.generator.train import (  # noqa: PLC0415 - torch comes with the extra
            train_generator,
        )
    names = ("steps", "seed")
    return print_records(
        train_generator(
            options.data,
            ck48=options.ck48,
            yunet=options.yunet,
            guide=options.guide,
            folder=options.out,
            changes={n: value for n in names if (value := getattr(options, n)) is not None},
            threads=options.threads,
        )
    )


def _export(options: argparse.Namespace) -> int:
    with training_extra():
        from moodcue_fer.training.generator.export import (  # noqa: PLC0415 - torch comes with the extra
            export_generator,
        )
    names = ("people", "refinement")
    changes = {name: value for name in names if (value := getattr(options, name)) is not None}
    return print_records([export_generator(options.generator_run, folder=options.out, **changes)])


def _evaluate(options: argparse.Namespace) -> int:
    with training_extra():
        from moodcue_fer.training.generator.evaluation import (  # noqa: PLC0415 - torch comes with the extra
            evaluate_folder,
        )
    return print_records(
        evaluate_folder(
            options.generator,
            data=options.data,
            ck48=options.ck48,
            yunet=options.yunet,
            readers={"served": FerModel(options.model), "judge": FerModel(options.judge)},
            count=options.count,
        )
    )


def _generate(options: argparse.Namespace) -> int:
    return print_records(
        generate(
            options.generator,
            emotion=options.emotion,
            count=options.count,
            seed=options.seed,
            out=options.out,
        )
    )
