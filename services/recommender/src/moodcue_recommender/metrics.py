"""Metrics of the recommender."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from moodcue.events import Mode, Recommendation
from moodcue.identity import NS_PER_SECOND
from moodcue.labels import RecentLabels
from moodcue_recommender.index import IndexFollower

_PREFIX = "moodcue_recommender_"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


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
        "duplicates",
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
            "recommendations", "Answers by camera; hold is empty for songs", "camera", "hold"
        )
        self._cameras = RecentLabels("camera", metrics=[self._recommendations])
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
        self.repeated = counter("repeated_songs", "Songs that came again for want of others")
        self.republished = counter("republished", "Recommendations sent again to the broker")
        self.duplicates = counter(
            "duplicates", "Windows and requests that had their answer already"
        )
        self.refused_messages = counter("refused_messages", "Messages against the contract")
        self.lost_windows = gauge("lost_windows", "Windows missing in their sequence")
        self.unsent = gauge("unsent", "Events dropped because the queue to the broker was full")
        self.unlogged = counter("unlogged", "Recommendations that the log could not take")
        gauge("index_songs", "Songs in the index in use").set_function(lambda: _songs(index))
        gauge("index_age_seconds", "Since the index in use was made").set_function(
            lambda: _age(index)
        )
        gauge("index_refused", "Times that an index was refused").set_function(
            lambda: index.refused
        )

    def answered(self, event: Recommendation) -> None:
        """Count an answer."""
        self._recommendations.labels(self._cameras.use(event.camera), event.hold or "").inc()

    def guided(self, mode: Mode, *, followed: bool) -> None:
        """Count a window of a mode that leads somewhere."""
        self._steps.labels(mode, "yes" if followed else "no").inc()


def _songs(index: IndexFollower) -> float:
    library = index.library
    return len(library.songs) if library else 0


def _age(index: IndexFollower) -> float:
    library = index.library
    return time.time() - library.manifest.created / NS_PER_SECOND if library else float("nan")
