"""Metrics of the broker."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from moodcue.labels import RecentLabels

_MAX_WORKERS = 100


class BrokerMetrics:
    """All metrics of the broker, on an injected registry."""

    __slots__ = (
        "_cameras",
        "_workers",
        "events_forwarded",
        "events_rejected",
        "frame_wait",
        "frames_dispatched",
        "frames_dropped",
        "frames_received",
        "replays",
        "workers",
        "workers_free",
        "workers_lost",
    )

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events_forwarded = Counter(
            "moodcue_events_forwarded_total", "Events forwarded", ["family"], registry=registry
        )
        self.events_rejected = Counter(
            "moodcue_events_rejected_total", "Messages against the contract", registry=registry
        )
        self.frames_received = Counter(
            "moodcue_frames_received_total", "Frames from cameras", ["camera"], registry=registry
        )
        self.frames_dispatched = Counter(
            "moodcue_frames_dispatched_total",
            "Frames given to workers",
            ["camera", "worker"],
            registry=registry,
        )
        self.frames_dropped = Counter(
            "moodcue_frames_dropped_total",
            "Frames that were not inferred",
            ["camera", "reason"],
            registry=registry,
        )
        self.frame_wait = Histogram(
            "moodcue_frame_wait_seconds",
            "From arrival until a worker gets the frame",
            ["camera"],
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
        self.workers = Gauge("moodcue_workers", "Workers alive", registry=registry)
        self.workers_free = Gauge("moodcue_workers_free", "Workers waiting", registry=registry)
        self.workers_lost = Counter(
            "moodcue_workers_lost_total", "Workers that fell silent", registry=registry
        )
        self.replays = Counter("moodcue_replays_total", "Replays answered", registry=registry)
        self._cameras = RecentLabels(
            "camera",
            metrics=[
                self.frames_received,
                self.frames_dispatched,
                self.frames_dropped,
                self.frame_wait,
            ],
        )
        # A worker has another name after each start.
        self._workers = RecentLabels("worker", metrics=[self.frames_dispatched], limit=_MAX_WORKERS)

    def received(self, camera: str) -> None:
        """Count a frame of a camera."""
        self.frames_received.labels(self._cameras.use(camera)).inc()

    def dispatched(self, camera: str, *, worker: str, waited_seconds: float) -> None:
        """Count a frame that a worker was given."""
        name = self._cameras.use(camera)
        self.frames_dispatched.labels(name, self._workers.use(worker)).inc()
        self.frame_wait.labels(name).observe(waited_seconds)

    def dropped(self, camera: str, *, reason: str, count: int) -> None:
        """Count frames that were not inferred."""
        self.frames_dropped.labels(self._cameras.use(camera), reason).inc(count)
