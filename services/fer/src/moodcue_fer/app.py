"""Builds the worker from its settings and runs it."""

import cv2
import zmq
from prometheus_client import CollectorRegistry

from moodcue.errors import SettingsError
from moodcue.lifecycle import running
from moodcue_fer.analysis import FaceAnalyser, QualityLimits
from moodcue_fer.faces import FaceDetector, HaarDetector, YuNetDetector
from moodcue_fer.metrics import WorkerMetrics
from moodcue_fer.model import SHIPPED_MODEL, FerModel
from moodcue_fer.settings import FerSettings
from moodcue_fer.worker import Worker

SERVICE = "fer"


def build_detector(settings: FerSettings) -> FaceDetector:
    """Return the detector that the settings ask for.

    Raises:
        SettingsError: YuNet is asked for without its file.
        ModelError: YuNet's file is missing or not readable.
    """
    if settings.detector == "haar":
        return HaarDetector(search_pixels=settings.search_pixels)
    if settings.yunet_model is None:
        raise SettingsError("MOODCUE_FER_DETECTOR=yunet needs MOODCUE_FER_YUNET_MODEL=<its file>")
    return YuNetDetector(settings.yunet_model, search_pixels=settings.search_pixels)


def build_analyser(settings: FerSettings) -> FaceAnalyser:
    """Return the analyser that the settings ask for, with the limits of the worker."""
    return FaceAnalyser(
        detector=build_detector(settings),
        model=FerModel(settings.model_dir or SHIPPED_MODEL),
        limits=QualityLimits(
            minimum_pixels=settings.minimum_face_pixels,
            minimum_brightness=settings.minimum_brightness,
            minimum_sharpness=settings.minimum_sharpness,
        ),
        most_faces=settings.most_faces,
    )


def run(settings: FerSettings) -> int:
    """Run the worker until it is told to stop.

    Raises:
        MoodcueError: if the model, the detector, keys or the health port cannot be used.
    """
    # One frame at a time on one core: more workers are more processes.
    cv2.setNumThreads(1)
    analyser = build_analyser(settings)
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    with (
        zmq.Context() as context,
        Worker(
            context,
            settings.bus_address(),
            analyser=analyser,
            instance=settings.instance,
            metrics=metrics,
        ) as worker,
        running(settings, service=SERVICE, registry=registry, ready=worker.problem) as frame,
    ):
        worker.run(frame.stop, pulse=frame.pulse)
    return 0
