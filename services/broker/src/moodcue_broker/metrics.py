"""Metrics of the broker."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from moodcue.labels import BoundedLabels


@dataclass(frozen=True, slots=True)
class _CameraFigures:
    """The figures of one camera that change with every frame."""

    received: Counter
    dispatched: Counter
    inferred: Counter


class BrokerMetrics:
    """All metrics of the broker, on an injected registry."""

    __slots__ = (
        "_cameras",
        "_figures",
        "events_forwarded",
        "events_rejected",
        "frame_wait",
        "frames_dispatched",
        "frames_dropped",
        "frames_inferred",
        "frames_pending",
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
            ["camera"],
            registry=registry,
        )
        self.frames_inferred = Counter(
            "moodcue_frames_inferred_total",
            "Frames that a worker has finished; received = inferred + dropped + pending",
            ["camera"],
            registry=registry,
        )
        self.frames_pending = Gauge(
            "moodcue_frames_pending",
            "Frames that wait for a worker or that one works on",
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
            # Not by camera: while metrics are read frames wait, and it would be most of them.
            buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
        self.workers = Gauge("moodcue_workers", "Workers alive", registry=registry)
        self.workers_free = Gauge("moodcue_workers_free", "Workers waiting", registry=registry)
        self.workers_lost = Counter(
            "moodcue_workers_lost_total", "Workers that fell silent", registry=registry
        )
        self.replays = Counter("moodcue_replays_total", "Replays answered", registry=registry)
        # Kept, because looking up labels takes longer than counting.
        self._figures: dict[str, _CameraFigures] = {}
        self._cameras = BoundedLabels(
            "camera",
            metrics=[
                self.frames_received,
                self.frames_dispatched,
                self.frames_inferred,
                self.frames_dropped,
            ],
            on_forget=lambda camera: self._figures.pop(camera, None),
        )

    def _of(self, camera: str) -> _CameraFigures:
        name = self._cameras.use(camera)
        figures = self._figures.get(name)
        if figures is None:
            figures = self._figures[name] = _CameraFigures(
                received=self.frames_received.labels(name),
                dispatched=self.frames_dispatched.labels(name),
                inferred=self.frames_inferred.labels(name),
            )
        return figures

    def received(self, camera: str) -> None:
        """Count a frame of a camera."""
        self._of(camera).received.inc()

    def dispatched(self, camera: str, *, waited_seconds: float) -> None:
        """Count a frame that a worker was given."""
        self._of(camera).dispatched.inc()
        self.frame_wait.observe(waited_seconds)

    def inferred(self, camera: str) -> None:
        """Count a frame that a worker has finished."""
        self._of(camera).inferred.inc()

    def dropped(self, camera: str, *, reason: str, count: int) -> None:
        """Count frames that were not inferred."""
        self.frames_dropped.labels(self._cameras.use(camera), reason).inc(count)
