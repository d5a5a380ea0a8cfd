"""Figures of the camera, for Prometheus and for the heartbeat."""

from collections import Counter as Tally
from contextlib import AbstractContextManager

from prometheus_client import CollectorRegistry, Counter, Histogram

_ENCODE_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


class CameraMetrics:
    """Counts what one camera does.

    Args:
        camera: its name, a label of every metric.
        registry: where the metrics are shown.
    """

    def __init__(self, camera: str, *, registry: CollectorRegistry) -> None:
        self._camera = camera
        self._tally: Tally[str] = Tally(frames=0, dropped=0, reconnects=0)
        self._frames = Counter(
            "moodcue_camera_frames", "Frames sent", ["camera"], registry=registry
        ).labels(camera)
        self._dropped = Counter(
            "moodcue_camera_dropped",
            "Frames lost: queue_full, late (the sender missed their time), unanswered (given up)",
            ["camera", "reason"],
            registry=registry,
        )
        self._reconnects = Counter(
            "moodcue_camera_reconnects",
            "Attempts to open the source again",
            ["camera"],
            registry=registry,
        ).labels(camera)
        self._encode = Histogram(
            "moodcue_camera_encode_seconds",
            "Shrinking and JPEG encoding",
            ["camera"],
            buckets=_ENCODE_BUCKETS,
            registry=registry,
        ).labels(camera)

    def frame_sent(self) -> None:
        """Count a frame."""
        self._frames.inc()
        self._tally["frames"] += 1

    def frames_dropped(self, reason: str, *, count: int = 1) -> None:
        """Count frames that were lost for a reason."""
        self._dropped.labels(self._camera, reason).inc(count)
        self._tally["dropped"] += count

    def reconnected(self) -> None:
        """Count an attempt to open the source again; safe in any thread."""
        self._reconnects.inc()
        self._tally["reconnects"] += 1

    def time_encoding(self) -> AbstractContextManager[object]:
        """Measure the encoding of a frame."""
        return self._encode.time()

    def counters(self) -> dict[str, float]:
        """Return the sums since the start, for the heartbeat."""
        return {name: float(count) for name, count in self._tally.items()}
