"""Metrics of the recommender."""

import time
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from moodcue.identity import NS_PER_SECOND
from moodcue_recommender.index import IndexFollower

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the recommender counts and times."""

    recommendations: Counter
    seconds: Histogram
    repeated: Counter
    republished: Counter
    duplicates: Counter
    refused_messages: Counter
    lost_windows: Gauge
    unsent: Gauge
    unlogged: Counter


def create_metrics(registry: CollectorRegistry, index: IndexFollower) -> Metrics:
    """Make the metrics in a registry; those of the index are read when they are asked for."""
    prefix = "moodcue_recommender_"

    def counter(name: str, text: str, *labels: str) -> Counter:
        return Counter(prefix + name, text, labels, registry=registry)

    def gauge(name: str, text: str) -> Gauge:
        return Gauge(prefix + name, text, registry=registry)

    gauge("index_songs", "Songs in the index in use").set_function(lambda: _songs(index))
    gauge("index_age_seconds", "Since the index in use was made").set_function(lambda: _age(index))
    gauge("index_refused", "Times that an index was refused").set_function(lambda: index.refused)
    return Metrics(
        recommendations=counter(
            "recommendations", "Answers by camera; hold is empty for songs", "camera", "hold"
        ),
        seconds=Histogram(
            f"{prefix}answer_seconds",
            "From the receipt of a window or request to the sending of its answer",
            buckets=_BUCKETS,
            registry=registry,
        ),
        repeated=counter("repeated_songs", "Songs that came again for want of others"),
        republished=counter("republished", "Recommendations sent again to the broker"),
        duplicates=counter("duplicates", "Windows and requests that had their answer already"),
        refused_messages=counter("refused_messages", "Messages against the contract"),
        lost_windows=gauge("lost_windows", "Windows missing in their sequence"),
        unsent=gauge("unsent", "Events dropped because the queue to the broker was full"),
        unlogged=counter("unlogged", "Recommendations that the log could not take"),
    )


def _songs(index: IndexFollower) -> float:
    library = index.library
    return len(library.songs) if library else 0


def _age(index: IndexFollower) -> float:
    library = index.library
    return time.time() - library.manifest.created / NS_PER_SECOND if library else float("nan")
