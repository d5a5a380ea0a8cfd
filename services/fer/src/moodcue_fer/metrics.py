"""Figures of the worker for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from moodcue.events import FaceEmotion
from moodcue_fer.search import Search


class WorkerMetrics:
    """What a worker has done.

    Args:
        registry: Where the figures are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._frames = Counter(
            "moodcue_fer_frames", "Frames read, by what came of them", ["status"], registry=registry
        )
        self._faces = Counter(
            "moodcue_fer_faces",
            "Faces found, by what keeps them from being read",
            ["problem"],
            registry=registry,
        )
        self._searches = Counter(
            "moodcue_fer_searches",
            "Frames searched near known faces (local) or as a whole, by the reason",
            ["search"],
            registry=registry,
        )
        self._seconds = Histogram(
            "moodcue_fer_inference_seconds", "Time from JPEG to probabilities", registry=registry
        )
        self._age = Histogram(
            "moodcue_fer_frame_age_seconds", "Age of a frame when it is taken", registry=registry
        )
        self._losses = Counter(
            "moodcue_fer_messages_refused",
            "Messages of the broker that could not be read",
            registry=registry,
        )
        self._unsent = Counter(
            "moodcue_fer_unsent",
            "Readings dropped because the queue to the broker was full",
            registry=registry,
        )
        self._failures = Counter(
            "moodcue_fer_frames_failed",
            "Frames that could not be read by a fault of the worker",
            registry=registry,
        )

    def note(self, event: FaceEmotion, *, age_seconds: float, search: Search | None) -> None:
        """Count a frame that was read, and how it was searched if it was a picture."""
        self._frames.labels(event.status.value).inc()
        for face in event.faces:
            self._faces.labels(face.problem.value if face.problem else "none").inc()
        if search is not None:
            self._searches.labels(search.value).inc()
        self._seconds.observe(event.inference_seconds)
        self._age.observe(max(0.0, age_seconds))

    def drop(self) -> None:
        """Count a reading that could not be sent."""
        self._unsent.inc()

    def fail(self) -> None:
        """Count a frame that the worker failed to read."""
        self._failures.inc()

    def refuse(self) -> None:
        """Count a message that could not be read."""
        self._losses.inc()
