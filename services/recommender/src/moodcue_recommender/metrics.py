"""Metrics of the recommender."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from moodcue.events import Mode, Recommendation
from moodcue.identity import NS_PER_SECOND
from moodcue.labels import BoundedLabels
from moodcue_recommender.index import IndexFollower

_PREFIX = "moodcue_recommender_"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_DELAY_BUCKETS = (0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4, 5, 7.5, 10, 15, 30, 60, 300)
_NO_HOLD = "none"


class RecommenderMetrics:
    """All metrics of the recommender, on an injected registry.

    Args:
        registry: to register with.
        index: its figures are read when they are asked for.
    """

    __slots__ = (
        "_cameras",
        "_recommendations",
        "_steps",
        "delay",
        "duplicates",
        "failed_questions",
        "lost_windows",
        "refused_messages",
        "repeated",
        "republished",
        "seconds",
        "unlogged",
        "unsent",
    )

    def __init__(self, registry: CollectorRegistry, index: IndexFollower) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(_PREFIX + name, text, labels, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(_PREFIX + name, text, registry=registry)

        self._recommendations = counter(
            "recommendations", "Answers; hold is none for songs", "camera", "hold"
        )
        self._cameras = BoundedLabels("camera", metrics=[self._recommendations])
        self._steps = counter(
            "guided_steps",
            "Windows of a leading mode, and whether the face came nearer to where it leads",
            "mode",
            "followed",
        )
        self.seconds = Histogram(
            f"{_PREFIX}answer_seconds",
            "From the receipt of a window or request to the sending of its answer",
            buckets=_BUCKETS,
            registry=registry,
        )
        self.delay = Histogram(
            f"{_PREFIX}delay_seconds",
            "From the end of a window to the sending of its answer",
            buckets=_DELAY_BUCKETS,
            registry=registry,
        )
        self.repeated = counter("repeated_songs", "Songs that came again for want of others")
        self.republished = counter("republished", "Recommendations sent again to the broker")
        self.duplicates = counter(
            "duplicates", "Windows and requests that had their answer already"
        )
        self.failed_questions = counter(
            "failed_questions", "Windows and requests that could not be answered by a fault of ours"
        )
        self.refused_messages = counter("refused_messages", "Messages against the contract")
        self.lost_windows = counter("lost_windows", "Windows missing in their sequence")
        self.unsent = counter(
            "unsent", "Recommendations dropped because the queue to the broker was full"
        )
        self.unlogged = counter("unlogged", "Recommendations that the log could not take")
        gauge("index_songs", "Songs in the index in use").set_function(lambda: _songs(index))
        registry.register(_IndexCollector(index))

    def answered(self, event: Recommendation, *, now: int) -> None:
        """Count an answer that is sent at `now`, nanoseconds UTC."""
        self._recommendations.labels(self._cameras.use(event.camera), event.hold or _NO_HOLD).inc()
        if event.window and not event.request:
            self.delay.observe(max(0.0, (now - event.window_end) / NS_PER_SECOND))

    def guided(self, mode: Mode, *, followed: bool) -> None:
        """Count a window of a mode that leads somewhere."""
        self._steps.labels(mode, "yes" if followed else "no").inc()


def _songs(index: IndexFollower) -> float:
    library = index.library
    return len(library.songs) if library else 0


class _IndexCollector(Collector):
    """Tells of the index when asked; its generation is a label, and there is one at a time."""

    def __init__(self, index: IndexFollower) -> None:
        self._index = index

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily(
            f"{_PREFIX}index_refusals", "Times that an index was refused", value=self._index.refused
        )
        family = GaugeMetricFamily(
            f"{_PREFIX}index_build_timestamp_seconds",
            "When the index in use was made, since 1970; none while there is no index",
            labels=["generation"],
        )
        library = self._index.library
        if library is not None:
            manifest = library.manifest
            family.add_metric([manifest.generation], manifest.created / NS_PER_SECOND)
        yield family
