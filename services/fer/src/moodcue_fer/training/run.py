"""The folder of a run of training: its configuration, its log and its checkpoints."""

import json
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import torch

from moodcue.errors import MoodcueError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CHECKPOINT: Final = "checkpoint.pt"
BEST: Final = "best.pt"
LOG: Final = "log.jsonl"
CONFIG: Final = "config.json"
FRONTALITY_FILE: Final = "frontality.npy"

_Config = TypeVar("_Config")


class TrainingError(MoodcueError):
    """A run cannot be started, continued or exported."""


def write_config(folder: Path, config: "DataclassInstance") -> None:
    """Write what decides a run."""
    (folder / CONFIG).write_text(json.dumps(asdict(config), indent=2) + "\n", encoding="utf-8")


def read_config(folder: Path, kind: type[_Config]) -> _Config:
    """Read what decides a run.

    Args:
        folder: Of the run.
        kind: What it is a run of.

    Raises:
        TrainingError: The folder holds no such run.
    """
    try:
        return msgspec.json.decode((folder / CONFIG).read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise TrainingError(f"{folder} holds no run: {error}") from error


def log_record(folder: Path, record: dict[str, Any]) -> None:
    """Append a record to the log of a run, one JSON object a line."""
    with (folder / LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps(record) + "\n")


def save_state(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint; a run that is killed while saving keeps its last good one.

    Raises:
        TrainingError: It cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        torch.save(state, partial)
    except RuntimeError as error:
        # torch does not pass on what the system said.
        raise TrainingError(
            f"{partial} cannot be written: make room on its disk, or let this user write there, "
            "then run the same command again"
        ) from error
    partial.replace(path)


def load_state(path: Path, *, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read what `save_state` wrote.

    Raises:
        TrainingError: The file is damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise TrainingError(f"{path} is damaged: remove the folder and train again") from error
    return state
