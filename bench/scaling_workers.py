"""Workers that do nothing for a stated time, and workers that do nothing at all."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

import zmq
from prometheus_client import CollectorRegistry

from moodcue.bus import FRAME_HWM, MAX_FRAME_BYTES, BusAddress, Port, configure, connect
from moodcue.codec import decode_event, encode
from moodcue.control import WorkerBye, WorkerReady
from moodcue.events import Frame
from moodcue.health import Pulse
from moodcue.identity import NS_PER_SECOND
from moodcue.lifecycle import stop_on_signals
from moodcue_fer.analysis import Analysis, FaceAnalyser
from moodcue_fer.faces import GreyPicture
from moodcue_fer.metrics import WorkerMetrics
from moodcue_fer.search import Moment, Search
from moodcue_fer.worker import Worker

POLL_MS: Final = 100


class WaitingAnalyser(FaceAnalyser):
    """Finds no face, after a while.

    Args:
        wait_seconds: That a picture takes.
    """

    def __init__(self, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds

    def analyse(
        self,
        grey: GreyPicture,  # noqa: ARG002 - as of a real one
        moment: Moment | None = None,  # noqa: ARG002
        *,
        on_stage: Callable[[str], None] = lambda _: None,  # noqa: ARG002
    ) -> Analysis:
        """Wait."""
        time.sleep(self._wait_seconds)
        return Analysis(faces=(), search=Search.FIRST)


def wait_for_frames(address: BusAddress, instance: str, wait_seconds: float) -> None:
    """Be the process of one worker, as it is but for what it does with a picture, until SIGTERM."""
    with (
        stop_on_signals() as stop,
        zmq.Context() as context,
        Worker(
            context,
            address,
            analyser=WaitingAnalyser(wait_seconds),
            instance=instance,
            metrics=WorkerMetrics(CollectorRegistry()),
        ) as worker,
    ):
        worker.run(stop, pulse=Pulse())


@dataclass(frozen=True, slots=True)
class Taken:
    """A frame that reached a worker: when (UTC, ns since 1970), of which camera, and how old."""

    at: int
    camera: str
    age_seconds: float


def take_frames(pipe: Connection, address: BusAddress, names: Sequence[str]) -> None:
    """Be the process of workers that ask for the next frame at once and publish nothing.

    Each has a socket of its own. They say when all have asked; the answer to the word that ends
    them is what they have taken, a list of `Taken`.
    """
    with zmq.Context() as context:
        poller, workers = zmq.Poller(), {}
        for name in names:
            dealer = connect(context, zmq.DEALER, address, Port.WORKERS, max_bytes=MAX_FRAME_BYTES)
            dealer.send(encode(WorkerReady(worker=name)))
            poller.register(dealer, zmq.POLLIN)
            workers[dealer] = name
        pipe.send(None)
        taken = []
        while not pipe.poll():
            for dealer, _ in poller.poll(POLL_MS):
                frame, at = _take(dealer)
                dealer.send(encode(WorkerReady(worker=workers[dealer], done=frame.id)))
                taken.append(Taken(at, frame.camera, (at - frame.time) / NS_PER_SECOND))
        pipe.recv()
        for dealer, name in workers.items():
            dealer.send(encode(WorkerBye(worker=name)))
            dealer.close()
        pipe.send(taken)


def take_from_cameras(pipe: Connection, address: BusAddress) -> None:
    """Be the process of one who takes the frames of all cameras, in the place of a broker.

    It says when it listens; the answer to the word that ends it is a list of `Taken`.
    """
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        configure(socket, hwm=FRAME_HWM, max_bytes=MAX_FRAME_BYTES)
        socket.bind(address.endpoint(Port.FRAMES_IN))
        socket.subscribe(b"")
        pipe.send(None)
        taken = []
        while not pipe.poll():
            if socket.poll(POLL_MS):
                frame, at = _take(socket)
                taken.append(Taken(at, frame.camera, (at - frame.time) / NS_PER_SECOND))
        pipe.recv()
        pipe.send(taken)


def _take(socket: zmq.Socket[bytes]) -> tuple[Frame, int]:
    _, header, _ = socket.recv_multipart(copy=False)
    at = time.time_ns()
    event = decode_event(header.bytes)
    assert isinstance(event, Frame)  # noqa: S101 - the broker gives nothing else
    return event, at
