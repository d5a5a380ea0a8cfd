"""Builds the worker from its settings and runs it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import cv2
import numpy as np
import onnxruntime
import zmq
from prometheus_client import CollectorRegistry

from moodcue.bus import BusAddress, Port, Publisher
from moodcue.errors import SettingsError
from moodcue.events import FaceEmotion
from moodcue.lifecycle import opened_tracer, running
from moodcue.model_folder import load_manifest
from moodcue.taxonomy import EMOTIONS
from moodcue.topics import Family, topic
from moodcue_fer.analysis import FaceAnalyser, FaceReader, FittedReader, QualityLimits
from moodcue_fer.detectors import FaceDetector, HaarDetector, YuNetDetector
from moodcue_fer.metrics import WorkerMetrics
from moodcue_fer.model import FerModel
from moodcue_fer.personal import (
    load_baseline,
    neutral_weights,
    parse_shares,
    prior_weights,
    trained_prior,
    usual_neutral,
)
from moodcue_fer.search import FaceSearch
from moodcue_fer.settings import FerSettings
from moodcue_fer.worker import SERVICE, Worker

LOOPBACK_MS: Final = 1000
LOOPBACK_STEP_SECONDS: Final = 0.02


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


def build_search(settings: FerSettings) -> FaceSearch:
    """Return the search that the settings ask for, with nothing remembered yet."""
    return FaceSearch(build_detector(settings), full_search_seconds=settings.full_search_seconds)


def build_model(settings: FerSettings) -> FerModel:
    """Return the model that the settings ask for, where they want it to run."""
    return FerModel(settings.model_folder, provider=settings.provider)


def build_reader(settings: FerSettings) -> FaceReader:
    """Return the model, fitted to a room or a person where the settings ask for it.

    Raises:
        MoodcueError: The baseline's file cannot be used, or the model does not tell what is
            needed to fit it.
    """
    model = build_model(settings)
    weights = np.ones(len(EMOTIONS))
    if settings.expected_mix is not None:
        weights *= prior_weights(
            trained=trained_prior(model.manifest),
            expected=np.array(parse_shares(settings.expected_mix)),
        )
    if settings.neutral_baseline is not None:
        weights *= neutral_weights(
            own=load_baseline(settings.neutral_baseline, manifest=model.manifest),
            usual=usual_neutral(model.manifest),
            strength=settings.neutral_strength,
        )
    return model if (weights == 1).all() else FittedReader(model, weights)


def build_analyser(settings: FerSettings) -> FaceAnalyser:
    """Return the analyser that the settings ask for, with the limits of the worker."""
    return FaceAnalyser(
        search=build_search(settings),
        model=build_reader(settings),
        limits=QualityLimits(
            minimum_pixels=settings.minimum_face_pixels,
            minimum_brightness=settings.minimum_brightness,
            minimum_sharpness=settings.minimum_sharpness,
            minimum_frontality=settings.minimum_frontality,
        ),
        most_faces=settings.most_faces,
    )


def describe_parts(settings: FerSettings) -> dict[str, str]:
    """Name the parts that decide how fast the worker is and what it finds."""
    return {
        "detector": settings.detector,
        "model": load_manifest(settings.model_folder, labels=EMOTIONS).name,
        "provider": settings.provider,
        "runtime": f"onnxruntime {onnxruntime.__version__}",
        "opencv": cv2.__version__,
    }


@contextmanager
def loopback() -> Iterator[Callable[[FaceEmotion], object]]:
    """Give what publishes an event over TCP to a listener here, and returns when it is there."""
    with zmq.Context() as context, context.socket(zmq.SUB) as listener:
        port = listener.bind_to_random_port("tcp://127.0.0.1")
        listener.subscribe(b"")
        address = BusAddress("127.0.0.1", port - Port.EVENTS_IN)
        with Publisher(context, address, source=f"{SERVICE}/bench") as publisher:

            def publish(event: FaceEmotion) -> object:
                publisher.send(topic(Family.FACE_EMOTION, event.camera), event)
                return listener.poll(LOOPBACK_MS) and listener.recv_multipart()

            # A bound SUB tells of its subscription only when it is asked something.
            while not publisher.wait_until_connected(LOOPBACK_STEP_SECONDS):
                listener.poll(0)
            yield publish


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
        opened_tracer(settings, service=SERVICE) as tracer,
        Worker(
            context,
            settings.bus_address(),
            analyser=analyser,
            instance=settings.instance,
            metrics=metrics,
            stall_seconds=settings.stall_seconds,
            tracer=tracer,
        ) as worker,
        running(
            settings,
            service=SERVICE,
            registry=registry,
            alive=worker.failing,
            ready=worker.problem,
        ) as process,
    ):
        worker.run(process.stop, pulse=process.pulse)
    return 0
