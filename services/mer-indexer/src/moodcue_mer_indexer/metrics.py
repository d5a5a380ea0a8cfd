"""Figures of the builds of a watching indexer, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class IndexerMetrics:
    """Counts builds and tells of the latest one.

    Args:
        registry: Where the figures are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._builds = Counter(
            "moodcue_mer_indexer_builds_total", "Builds that came to their end", registry=registry
        )
        self._songs = Gauge(
            "moodcue_mer_indexer_songs", "Songs of the latest build", registry=registry
        )
        self._failed = Gauge(
            "moodcue_mer_indexer_failed_files",
            "Files that the latest build could not use",
            registry=registry,
        )

    def built(self, *, songs: int, failed: int) -> None:
        """Note a build."""
        self._builds.inc()
        self._songs.set(songs)
        self._failed.set(failed)
