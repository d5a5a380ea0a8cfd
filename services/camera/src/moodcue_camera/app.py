"""Builds the camera from its settings and runs it."""

import os
import time
from contextlib import ExitStack, closing

import cv2
import zmq
from prometheus_client import CollectorRegistry

from moodcue.bus import FRAME_HWM, BusAddress, Port, Publisher, Subscriber
from moodcue.identity import new_source
from moodcue.lifecycle import Heartbeat, opened_tracer, running
from moodcue.topics import Family, topic
from moodcue_camera.choice import make_camera
from moodcue_camera.metrics import CameraMetrics
from moodcue_camera.pacing import Pace, SteadyPace, WorkerPace
from moodcue_camera.service import CameraService, FrameFormat, WorkerAnswers
from moodcue_camera.settings import CameraSettings

_SERVICE = "camera"
_Context = zmq.Context[zmq.Socket[bytes]]


def run(settings: CameraSettings) -> int:
    """Run the service until it is stopped, or to the end of its source; returns the exit code.

    Raises:
        MoodcueError: if a setting, a key or the source cannot be used.
    """
    _silence_libraries()
    registry = CollectorRegistry()
    metrics = CameraMetrics(settings.name, registry=registry)
    address = settings.bus_address()
    with ExitStack() as stack:
        camera = stack.enter_context(closing(make_camera(settings, metrics=metrics)))
        context: _Context = stack.enter_context(zmq.Context())
        # A camera cannot go on with its old numbers after a restart: each start is a new source.
        source = new_source(_SERVICE, settings.name)
        frames = stack.enter_context(
            Publisher(context, address, source=source, port=Port.FRAMES_IN, hwm=FRAME_HWM)
        )
        events = stack.enter_context(Publisher(context, address, source=source))
        answers = None
        if settings.pace == "workers":
            answers = stack.enter_context(closing(_worker_answers(settings, context, address)))
        camera.open()
        service = CameraService(
            camera=camera,
            pace=_pace(settings, rate=camera.rate),
            format=FrameFormat(settings.name, settings.max_size, settings.jpeg_quality),
            frames=frames,
            answers=answers,
            metrics=metrics,
            tracer=stack.enter_context(opened_tracer(settings, service=_SERVICE)),
            exit_at_end=settings.exit_at_end,
        )
        heartbeat = Heartbeat(
            publisher=events,
            service=_SERVICE,
            instance=settings.instance,
            counters=metrics.counters,
            problem=service.problem,
        )
        with running(
            settings,
            service=_SERVICE,
            registry=registry,
            alive=camera.stuck,
            ready=service.problem,
        ) as process:
            service.run(stop=process.stop, pulse=process.pulse, heartbeat=heartbeat)
    return 0


def _pace(settings: CameraSettings, *, rate: float) -> Pace:
    if settings.pace == "workers":
        return WorkerPace(
            in_flight=settings.in_flight,
            timeout_seconds=settings.answer_timeout_seconds,
            clock=time.monotonic,
        )
    return SteadyPace(rate, clock=time.monotonic)


def _worker_answers(
    settings: CameraSettings, context: _Context, address: BusAddress
) -> WorkerAnswers:
    topics = [topic(Family.FACE_EMOTION, settings.name)]
    return WorkerAnswers(Subscriber(context, address, topics=topics))


def _silence_libraries() -> None:
    # What OpenCV and FFmpeg print by themselves is said by our own log lines, once and clearly.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
