"""The picture of a scaling run: throughput, age and drops over the number of workers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, ScalarFormatter

from scaling_figures import Record

DPI: Final = 110
TITLE: Final = 11
WAITING, FACES, GREY = "#1f6fb4", "#d9730d", "#8a8a8a"
STYLES: Final = {
    "waiting, medians": (WAITING, "that wait"),
    "faces, medians": (FACES, "that read faces"),
}
# Of each percentile: how strong its line is, and how high its name stands at the end, in points.
PERCENTILES: Final = {"p50": (1.0, -3), "p95": (0.65, -8), "p99": (0.4, 2)}


def draw(medians: Sequence[Record], *, path: Path) -> None:
    """Draw what `scaling_figures.medians` returns into a file, a PNG or what its name ends with."""
    lines = {
        part: [record for record in medians if record["part"] == part]
        for part in STYLES
        if any(record["part"] == part for record in medians)
    }
    figure = Figure(figsize=(10.2, 3.5), layout="constrained")
    throughput, age, drops = figure.subplots(1, 3)
    for part, records in lines.items():
        colour, name = STYLES[part]
        _draw_throughput(throughput, records, colour=colour, name=name)
        _draw_ages(age, records, colour=colour)
        workers = [record["workers"] for record in records]
        shares = [record["dropped_share"] for record in records]
        drops.plot(workers, shares, color=colour, marker="o", markersize=4)
    throughput.set_yscale("log")
    throughput.set_yticks([10, 20, 50, 100, 200, 500, 1000, 2000])
    throughput.set_ylim(10, 2000)
    throughput.yaxis.set_major_formatter(ScalarFormatter())
    throughput.minorticks_off()
    throughput.set_title("frames read per second", fontsize=TITLE)
    throughput.legend(loc="lower right", frameon=False, fontsize=9)
    age.set_ylim(bottom=0)
    age.set_title("age of a frame when its reading arrives, ms", fontsize=TITLE)
    drops.set_ylim(0, 1.02)
    drops.yaxis.set_major_formatter(PercentFormatter(1))
    drops.set_title("frames dropped for newer ones", fontsize=TITLE)
    most = max(record["workers"] for record in medians)
    for axes in (throughput, age, drops):
        _tidy(axes, most=most)
    figure.savefig(path, dpi=DPI)


def _draw_throughput(axes: Axes, records: Sequence[Record], *, colour: str, name: str) -> None:
    workers = [record["workers"] for record in records]
    rates = [record["read_per_second"] for record in records]
    axes.plot(workers, rates, color=colour, marker="o", markersize=4, label=f"workers {name}")
    ideal = [rates[0] * n / workers[0] for n in workers]
    axes.plot(workers, ideal, color=GREY, linestyle=":", zorder=1)
    if len(records) > 1 and records[-1]["times_one"] is not None:
        text = f"{records[-1]['times_one']:.3g} times"
        _write_beside(axes, text, at=(workers[-1], rates[-1]), color=colour)


def _draw_ages(axes: Axes, records: Sequence[Record], *, colour: str) -> None:
    workers = [record["workers"] for record in records]
    for name, (shade, height) in PERCENTILES.items():
        values = [record["age_ms"][name] for record in records]
        axes.plot(workers, values, color=colour, alpha=shade, marker="o", markersize=4)
        end = (workers[-1], values[-1])
        _write_beside(axes, name, at=end, height=height, color=colour, alpha=shade)


def _write_beside(
    axes: Axes, text: str, *, at: tuple[float, float], height: int = -3, **style: Any
) -> None:
    axes.annotate(text, at, xytext=(6, height), textcoords="offset points", fontsize=9, **style)


def _tidy(axes: Axes, *, most: int) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xlim(0.85, most * 3)
    axes.set_xticks([2**power for power in range(most.bit_length())])
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_xlabel("workers")
    axes.grid(visible=True, color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
