"""A model is a folder: `model.onnx`, `manifest.json` and `MODEL_CARD.md`."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from moodcue.errors import ModelError

WEIGHTS = "model.onnx"
MANIFEST = "manifest.json"


class ModelManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is and what it was made for.

    Attributes:
        name: of the model.
        version: of its training.
        sha256: of `model.onnx`.
        labels: of its outputs, in order.
        input: sizes, normalisation, sample rate and mel settings that its preprocessing needs.
        training: data, seed, command.
        metrics: measured figures, each with what it was measured on.
    """

    name: str
    version: str
    sha256: str
    labels: tuple[str, ...]
    input: dict[str, Any]
    training: dict[str, Any]
    metrics: dict[str, Any]


def load_manifest(folder: Path, *, labels: Sequence[str]) -> ModelManifest:
    """Read the manifest of a model and check the model against it.

    Args:
        folder: of the model.
        labels: the outputs that the caller is made for, in order.

    Raises:
        ModelError: if a file is missing or unreadable, the weights are not those of the manifest,
            or the labels are others.
    """
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=ModelManifest)
        digest = sha256_of(folder / WEIGHTS)
    except OSError as error:
        raise ModelError(f"no model in {folder}: {error.strerror} ({error.filename})") from error
    except msgspec.DecodeError as error:
        raise ModelError(f"{folder / MANIFEST} is not a model manifest: {error}") from error
    if digest != manifest.sha256:
        raise ModelError(
            f"{folder / WEIGHTS} has sha256 {digest}, its manifest says {manifest.sha256}; "
            "export the model again"
        )
    if manifest.labels != tuple(labels):
        raise ModelError(
            f"the model in {folder} has the labels {', '.join(manifest.labels)}; "
            f"needed, in this order: {', '.join(labels)}"
        )
    return manifest


def write_manifest(folder: Path, manifest: ModelManifest) -> None:
    """Write a manifest beside its weights, as indented JSON."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / MANIFEST).write_bytes(text + b"\n")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
