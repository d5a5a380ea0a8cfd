"""What is written on a command line as values, with errors that say what is allowed."""

import argparse
import math
from collections.abc import Callable

from moodcue.errors import ProtocolError
from moodcue.taxonomy import vector_from_mapping

MAX_SECONDS = 3600


def whole_number(low: int, high: int | None = None) -> Callable[[str], int]:
    """Make a reader of whole numbers on a command line, which says what is allowed."""
    allowed = f"from {low} on" if high is None else f"from {low} to {high}"

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if number < low or (high is not None and number > high):
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number {allowed}")
        return number

    return read


def number_up_to(high: float) -> Callable[[str], float]:
    """Make a reader of numbers from 0 on a command line, which says what is allowed."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not 0 <= number <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to {high:g}")
        return number

    return read


def seconds(text: str) -> float:
    """Read a duration from a command line.

    Raises:
        argparse.ArgumentTypeError: if it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of seconds above 0 and up to {MAX_SECONDS}"
        )
    return number


def point(text: str) -> tuple[float, float]:
    """Read valence and arousal from a command line.

    Raises:
        argparse.ArgumentTypeError: if they are none.
    """
    try:
        valence, arousal = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no point; write valence and arousal as 0.6,-0.7"
        ) from None
    if not (abs(valence) <= 1 and abs(arousal) <= 1):
        raise argparse.ArgumentTypeError(
            f"{text!r} is off the plane; valence and arousal are each from -1 to 1"
        )
    return valence, arousal


def emotions(text: str) -> tuple[float, ...]:
    """Read named weights from a command line as a seven-vector.

    Raises:
        argparse.ArgumentTypeError: if they are none.
    """
    weights: dict[str, float] = {}
    try:
        for part in text.split(","):
            name, _, weight = part.partition("=")
            weights[name.strip()] = float(weight)
        return vector_from_mapping(weights)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} are no weights; write them as happiness=0.8,neutral=0.2"
        ) from None
    except ProtocolError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
