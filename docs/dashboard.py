"""The Grafana dashboard of the profile `observability`, which `generate.py` writes."""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from grafana_foundation_sdk.builders import common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row, ThresholdsConfig
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import LegendDisplayMode, StackingMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DASHBOARD = "deploy/observability/grafana/dashboards/moodcue.json"
"""Path in the repository."""

RATE = "[$__rate_interval]"
_WIDTH = 24
_SOURCE = models.DataSourceRef(type_val="prometheus", uid="prometheus")
_UNACCOUNTED = (
    "sum(moodcue_frames_received_total) - sum(moodcue_frames_inferred_total)"
    " - (sum(moodcue_frames_dropped_total) or vector(0)) - sum(moodcue_frames_pending)"
)
_SHARE = (
    f"rate(moodcue_fer_inference_seconds_count{RATE}) / on () group_left ()"
    f" sum(rate(moodcue_fer_inference_seconds_count{RATE}))"
)

Query = tuple[str, str]
"""A query in PromQL, and what a line of it is called."""


def dashboard_text() -> str:
    """Return the dashboard as Grafana's JSON."""
    text = json.dumps(_dashboard().build(), cls=JSONEncoder, indent=2, sort_keys=True)
    return f"{text}\n"


def queries(text: str) -> Iterator[tuple[str, str]]:
    """Yield the title of the panel and the PromQL of every query of a dashboard.

    Args:
        text: Grafana's JSON.
    """
    for panel in json.loads(text)["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def quantiles(metric: str) -> list[Query]:
    """Ask for the median, the 95th and the 99th percentile of a histogram."""
    return [
        (f"histogram_quantile({q}, sum by (le) (rate({metric}_bucket{RATE})))", name)
        for q, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    ]


def _dashboard() -> Dashboard:
    made = (
        Dashboard("Moodcue")
        .uid("moodcue")
        .tags(["moodcue"])
        .readonly()
        .refresh("5s")
        .time("now-15m", "now")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .annotations([])
    )
    numbers = itertools.count(1)
    for title, panels in _rows():
        made.with_row(Row(title).id(next(numbers)))
        for panel in panels:
            placed = panel.id(next(numbers)).datasource(_SOURCE).span(_WIDTH // len(panels))
            made.with_panel(placed)
    return made


def _rows() -> Iterator[tuple[str, Sequence[Any]]]:
    yield "At a glance", _glance()
    yield "Alerts", [_alerts()]
    yield "Frames", _frames()
    yield "Workers", _workers()
    yield "Windows and recommendations", _answers()
    yield "Processes", _processes()


def _glance() -> list[stat.Panel]:
    return [
        _number(
            "Not ready",
            "Processes whose /readyz does not answer 200",
            "count(moodcue_ready == 0) or vector(0)",
            bad_from=1,
        ),
        _number("Workers", "That ask the broker for frames", "moodcue_workers"),
        _number(
            "Frames not accounted for",
            "Received - inferred - dropped - pending; more than a few would be a fault",
            _UNACCOUNTED,
            bad_from=100,
        ),
        _number("Songs in the index", "Of the recommender", "moodcue_recommender_index_songs"),
        _index(),
    ]


def _frames() -> list[timeseries.Panel]:
    return [
        _lines(
            "Frames: received = inferred + dropped",
            "Received is the line, the others are stacked under it",
            [
                (f"sum(rate(moodcue_frames_received_total{RATE}))", "received"),
                (f"sum(rate(moodcue_frames_inferred_total{RATE}))", "inferred"),
                (f"sum by (reason) (rate(moodcue_frames_dropped_total{RATE}))", "{{reason}}"),
            ],
            unit="cps",
            stacked=True,
            above="received",
        ),
        _lines(
            "Age of frames when a worker takes them",
            "From capture; compares the clocks of camera and worker",
            quantiles("moodcue_fer_frame_age_seconds"),
        ),
        _lines("Wait for a worker", "In the broker", quantiles("moodcue_frame_wait_seconds")),
    ]


def _workers() -> list[timeseries.Panel]:
    return [
        _lines(
            "Share of each worker",
            "Of all frames that are read",
            [(_SHARE, "{{instance}}")],
            unit="percentunit",
            stacked=True,
        ),
        _lines(
            "Time per frame",
            "From JPEG to probabilities",
            quantiles("moodcue_fer_inference_seconds"),
        ),
        _lines(
            "Faces by what keeps them from being read",
            "none: they are read",
            [(f"sum by (problem) (rate(moodcue_fer_faces_total{RATE}))", "{{problem}}")],
            unit="cps",
        ),
    ]


def _answers() -> list[timeseries.Panel]:
    return [
        _lines(
            "Coverage of windows",
            "Frames with a read face / expected",
            [("moodcue_window_coverage_ratio", "{{camera}}")],
            unit="percentunit",
        ),
        _lines(
            "Delay of recommendations",
            "From the end of a window to the sending of its answer",
            quantiles("moodcue_recommender_delay_seconds"),
        ),
        _lines(
            "Holds by reason",
            "Answers of the last five minutes; none: songs",
            [
                (
                    "sum by (hold) (increase(moodcue_recommender_recommendations_total[5m]))",
                    "{{hold}}",
                )
            ],
            unit="short",
        ),
    ]


def _processes() -> list[timeseries.Panel]:
    return [
        _lines(
            "Processor time",
            "1 is a whole core",
            [(f"rate(process_cpu_seconds_total{RATE})", "{{service}} {{instance}}")],
            unit="short",
        ),
        _lines(
            "Memory",
            "Resident",
            [("process_resident_memory_bytes", "{{service}} {{instance}}")],
            unit="bytes",
        ),
        _lines(
            "Events on the bus",
            "By family",
            [(f"sum by (family) (rate(moodcue_events_forwarded_total{RATE}))", "{{family}}")],
            unit="cps",
        ),
    ]


def _target(query: Query) -> prometheus.Dataquery:
    expression, legend = query
    return prometheus.Dataquery().expr(expression).legend_format(legend)


def _lines(
    title: str,
    text: str,
    asked: Sequence[Query],
    *,
    unit: str = "s",
    stacked: bool = False,
    above: str = "",
) -> timeseries.Panel:
    """Draw queries as lines, or as stacked areas but for the line of the name `above`."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(text)
        .unit(unit)
        .min(0)
        .fill_opacity(40 if stacked else 0)
        .legend(common.VizLegendOptions().display_mode(LegendDisplayMode.LIST))
        .height(8)
    )
    for letter, query in zip("ABCDEF", asked, strict=False):
        panel.with_target(_target(query).ref_id(letter))
    if stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    if above:
        unstacked = {"mode": StackingMode.NONE.value}
        panel.override_by_name(
            above,
            [
                models.DynamicConfigValue(id_val="custom.stacking", value=unstacked),
                models.DynamicConfigValue(id_val="custom.fillOpacity", value=0),
            ],
        )
    return panel


def _number(title: str, text: str, expression: str, *, bad_from: float | None = None) -> stat.Panel:
    panel = _stat(title, text)
    if bad_from is not None:
        panel.thresholds(_thresholds(bad_from))
    return panel.with_target(_target((expression, "")).ref_id("A"))


def _stat(title: str, text: str) -> stat.Panel:
    latest = common.ReduceDataOptions().calcs(["lastNotNull"])
    return stat.Panel().title(title).description(text).height(5).reduce_options(latest)


def _thresholds(bad_from: float) -> ThresholdsConfig:
    steps = [models.Threshold(value=None, color="green"), models.Threshold(bad_from, "red")]
    return ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _index() -> stat.Panel:
    return (
        _stat("Index", "Generation in use, and when it was made")
        .unit("dateTimeFromNow")
        .with_target(
            _target(
                ("1000 * moodcue_recommender_index_build_timestamp_seconds", "{{generation}}")
            ).ref_id("A")
        )
    )


def _alerts() -> table.Panel:
    return (
        table.Panel()
        .title("Alerts")
        .description("What to do about each: docs/observability.md")
        .height(5)
        .show_header(show_header=True)
        .with_target(
            _target(('ALERTS{alertstate="firing"}', ""))
            .ref_id("A")
            .instant()
            .format(PromQueryFormat.TABLE)
        )
    )
