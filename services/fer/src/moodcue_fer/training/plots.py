"""Pictures of an evaluation: confusion matrix and reliability diagram."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

DARK: Final = 0.55
"""Share of a row above which a cell is dark, so that its number is written in white."""

DPI: Final = 110


def draw_evaluation(record: dict[str, Any], *, folder: Path) -> list[Path]:
    """Draw what `moodcue_fer.evaluation.evaluate` returns.

    Args:
        record: Its figures; `dataset` and `split` go into the titles.
        folder: Where `confusion.png` and `reliability.png` are written; made if it is not there.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = " ".join(str(record[key]) for key in ("dataset", "split") if key in record)
    title = f"{name}, {record['n']} faces"
    confusion, reliability = folder / "confusion.png", folder / "reliability.png"
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    _draw_confusion(figure.subplots(), record, title=title)
    figure.savefig(confusion, dpi=DPI)
    figure = Figure(figsize=(5.6, 5.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=[4, 1], sharex=True)
    _draw_reliability(upper, lower, record, title=title)
    figure.savefig(reliability, dpi=DPI)
    return [confusion, reliability]


def _draw_confusion(axes: Axes, record: dict[str, Any], *, title: str) -> None:
    table = np.array(record["confusion"], dtype=np.float64)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = range(len(record["labels"]))
    axes.set_xticks(places, record["labels"], rotation=35, ha="right")
    axes.set_yticks(places, record["labels"])
    for row in places:
        for column in places:
            colour = "white" if shares[row, column] > DARK else "black"
            text = f"{shares[row, column]:.0%}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    axes.set_xlabel("answer")
    axes.set_ylabel("label")
    axes.set_title(f"{title}: accuracy {record['accuracy']:.1%}, share of each label")


def _draw_reliability(upper: Axes, lower: Axes, record: dict[str, Any], *, title: str) -> None:
    rows = record["reliability"]
    confidence = [row["confidence"] for row in rows]
    upper.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfect")
    upper.plot(confidence, [row["accuracy"] for row in rows], marker="o", label="measured")
    upper.set_ylabel("share of right answers")
    upper.set_xlim(0, 1)
    upper.set_ylim(0, 1)
    upper.legend(loc="upper left")
    upper.set_title(f"{title}: calibration error {record['ece']:.3f}")
    lower.bar(confidence, [row["n"] for row in rows], width=0.05)
    lower.set_ylabel("faces")
    lower.set_xlabel("highest probability")
