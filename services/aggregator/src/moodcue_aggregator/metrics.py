"""Metrics of the aggregator."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from moodcue.events import EmotionWindow
from moodcue.identity import NS_PER_SECOND

_TOTALS = {
    "late": "Frames that came after their window had closed",
    "duplicates": "Frames that came twice",
    "overflowed": "Frames beyond what an open window keeps",
    "evicted_cameras": "Cameras that fell out, silent for longest",
    "clocks_set_back": "Times that a camera's clock was set back",
    "forgotten_people": "People who left and fell out of memory because others came",
    "lost": "Frames missing in the sequence of a worker",
    "bad_messages": "Messages against the contract",
    "unsent": "Windows and heartbeats dropped because the queue to the broker was full",
}


class AggregatorMetrics(Collector):
    """All metrics of the aggregator, on an injected registry.

    Args:
        registry: to register with.
        window_seconds: length of a window.
        totals: gives the figures that are counted elsewhere; called from the health thread.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        window_seconds: float,
        totals: Callable[[], Mapping[str, float]],
    ) -> None:
        self._totals = totals
        self.windows = Counter(
            "moodcue_windows_total", "Windows emitted", ["camera", "hold"], registry=registry
        )
        self.coverage = Gauge(
            "moodcue_window_coverage_ratio",
            "Frames with a read face / expected, of the latest window",
            ["camera"],
            registry=registry,
        )
        self.latest = Gauge(
            "moodcue_window_emitted_timestamp_seconds",
            "When the latest window was emitted, since 1970",
            ["camera"],
            registry=registry,
        )
        Gauge("moodcue_window_length_seconds", "Length of a window", registry=registry).set(
            window_seconds
        )
        self.delay = Histogram(
            "moodcue_window_delay_seconds",
            "From the end of a window to its emission",
            buckets=(0.1, 0.2, 0.5, 1, 1.2, 1.5, 2, 3, 5, 10, 30, 60),
            registry=registry,
        )
        registry.register(self)

    def emitted(self, window: EmotionWindow, *, now: int) -> None:
        """Count a window that is emitted at `now`, nanoseconds UTC."""
        self.windows.labels(window.camera, window.hold or "none").inc()
        self.coverage.labels(window.camera).set(window.coverage)
        self.latest.labels(window.camera).set(now / NS_PER_SECOND)
        self.delay.observe(max(0.0, (now - window.end) / NS_PER_SECOND))

    def forget(self, camera: str) -> None:
        """Drop the figures of a camera that is followed no more."""
        for metric in (self.coverage, self.latest, self.windows):
            metric.remove_by_labels({"camera": camera})

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the totals; called by the registry."""
        totals = self._totals()
        for name, text in _TOTALS.items():
            yield CounterMetricFamily(f"moodcue_aggregator_{name}", text, value=totals[name])
