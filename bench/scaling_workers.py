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
from moodcue_fer.worker import ASK_SECONDS, Worker

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
    """A frame that reached a worker: when (UTC, ns since 1970), which, of which camera, how old."""

    at: int
    frame_id: str
    camera: str
    age_seconds: float


def take_frames(pipe: Connection, address: BusAddress, names: Sequence[str]) -> None:
    """Be the process of workers that ask for the next frame at once and publish nothing.

    Each has a socket of its own. They say when all have asked; the answer to the word that ends
    them is what they have taken, a list of `Taken`.
    """
    with zmq.Context() as context:
        takers = {}
        poller = zmq.Poller()
        for name in names:
            taker = _Taker(context, address, name)
            takers[taker.dealer] = taker
            poller.register(taker.dealer, zmq.POLLIN)
        pipe.send(None)
        taken = []
        next_ask = 0.0
        while not pipe.poll():
            if time.monotonic() >= next_ask:
                next_ask = time.monotonic() + ASK_SECONDS
                for taker in takers.values():
                    taker.ask()
            taken += [takers[dealer].take() for dealer, _ in poller.poll(POLL_MS)]
        pipe.recv()
        for taker in takers.values():
            taker.close()
        pipe.send(taken)


class _Taker:
    """A worker as the protocol describes it, without any work."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], address: BusAddress, name: str
    ) -> None:
        self.dealer = connect(context, zmq.DEALER, address, Port.WORKERS, max_bytes=MAX_FRAME_BYTES)
        self._name = name
        self._done = ""

    def ask(self) -> None:
        """Ask for a frame, or repeat the wish."""
        self.dealer.send(encode(WorkerReady(worker=self._name, done=self._done)))

    def take(self) -> Taken:
        """Take a frame and ask for the next one."""
        taken = _take(self.dealer)
        self._done = taken.frame_id
        self.ask()
        return taken

    def close(self) -> None:
        """Say goodbye."""
        self.dealer.send(encode(WorkerBye(worker=self._name, done=self._done)))
        self.dealer.close()


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
                taken.append(_take(socket))
        pipe.recv()
        pipe.send(taken)


def _take(socket: zmq.Socket[bytes]) -> Taken:
    _, header, _ = socket.recv_multipart(copy=False)
    at = time.time_ns()
    event = decode_event(header.bytes)
    assert isinstance(event, Frame)  # noqa: S101 - nothing else is sent here
    return Taken(at, event.id, event.camera, (at - event.time) / NS_PER_SECOND)
