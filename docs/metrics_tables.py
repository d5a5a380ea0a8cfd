"""The tables of metrics in `observability.md`, from the classes that register them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from moodcue.lifecycle import register_process
from moodcue_aggregator.metrics import AggregatorMetrics
from moodcue_broker.metrics import BrokerMetrics
from moodcue_camera.metrics import CameraMetrics
from moodcue_fer.metrics import WorkerMetrics
from moodcue_gateway.metrics import GatewayMetrics
from moodcue_mer_indexer.metrics import IndexerMetrics
from moodcue_recommender.index import IndexFollower
from moodcue_recommender.metrics import RecommenderMetrics

REGISTRATIONS: dict[str, Callable[[CollectorRegistry], object]] = {
    "every service": lambda registry: register_process(registry, problem=lambda: None),
    "broker": BrokerMetrics,
    "camera": lambda registry: CameraMetrics("camera", registry=registry),
    "fer": WorkerMetrics,
    "aggregator": lambda registry: AggregatorMetrics(registry, window_seconds=15, totals=_Zeros),
    "recommender": lambda registry: RecommenderMetrics(registry, IndexFollower(Path())),
    "gateway": GatewayMetrics,
    "mer-indexer": IndexerMetrics,
}
"""What puts the metrics of a service on a registry."""


class _Zeros(dict[str, float]):
    """Totals of a service that has done nothing."""

    def __missing__(self, name: str) -> float:
        return 0.0


class _Recording(CollectorRegistry):
    """Remembers what is registered."""

    def __init__(self) -> None:
        super().__init__()
        self.collectors: list[Collector] = []

    def register(self, collector: Collector) -> None:
        self.collectors.append(collector)
        super().register(collector)


def metrics_tables() -> str:
    """Describe every metric of every service, a section each."""
    parts = []
    for service, register in REGISTRATIONS.items():
        rows = [f"| {' | '.join(row)} |" for row in sorted(_rows(register))]
        head = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
        parts.append("\n".join([f"#### {service[0].upper()}{service[1:]}\n", *head, *rows, ""]))
    return "\n".join(parts)


def series_names() -> set[str]:
    """Name all series that the services expose; a histogram has three kinds."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+)", metrics_tables(), re.MULTILINE)
    endings = {"histogram": ("_bucket", "_count", "_sum")}
    return {f"{name}{ending}" for name, kind in rows for ending in endings.get(kind, ("",))}


def _rows(register: Callable[[CollectorRegistry], object]) -> Iterator[tuple[str, str, str, str]]:
    registry = _Recording()
    register(registry)
    for collector in registry.collectors:
        for family in collector.collect():
            labels = ", ".join(f"`{label}`" for label in _labels(collector, family))
            yield f"`{metric_name(family)}`", family.type, labels, family.documentation


def metric_name(family: Metric) -> str:
    """Return the name of a metric as `/metrics` shows it; of a histogram without its endings."""
    return family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")


def _labels(collector: Collector, family: Metric) -> tuple[str, ...]:
    # The library tells the names of labels only with values, of which there are none yet.
    names: tuple[str, ...] = getattr(collector, "_labelnames", getattr(family, "_labelnames", ()))
    return names
