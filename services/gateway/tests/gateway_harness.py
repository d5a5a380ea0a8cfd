"""A real broker, a real gateway and a publisher around it, for the tests of the gateway."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import soundfile
import zmq
from fixtures import Eventually
from prometheus_client import CollectorRegistry
from service_process import ServiceProcess

from moodcue.bus import BusAddress, Publisher, Subscriber
from moodcue.events import (
    Box,
    EmotionWindow,
    Face,
    FaceEmotion,
    FaceProblem,
    FrameStatus,
    HoldReason,
    Recommendation,
    RecommendationRequest,
    ServiceState,
    SongMatch,
    Status,
    Taste,
    TasteEntry,
)
from moodcue.identity import NS_PER_SECOND, new_id, new_trace, system_clock
from moodcue.library_index import (
    FORMAT,
    GENERATIONS,
    MANIFEST,
    IndexManifest,
)
from moodcue.song_writer import write_songs
from moodcue.songs import Song
from moodcue.taxonomy import BASIC_7
from moodcue.topics import Family, topic
from moodcue_gateway.app import create_server, listen
from moodcue_gateway.parts import Parts, build_parts
from moodcue_gateway.settings import GatewaySettings

HAPPY = (0.02, 0.01, 0.03, 0.78, 0.04, 0.07, 0.05)
SAD = (0.05, 0.03, 0.08, 0.06, 0.66, 0.02, 0.10)
FACE: Box = (120, 80, 200, 200)
WINDOW_SECONDS = 15


@dataclass
class Source:
    """Publishes events of made-up services over a real socket."""

    publisher: Publisher
    started: int = field(default_factory=system_clock)

    def _head(self, name: str, *, time: int | None = None) -> dict[str, Any]:
        return {
            "id": new_id(),
            "source": self.publisher.source,
            "seq": self.publisher.next_seq(name),
            "time": time or system_clock(),
            "trace": new_trace(),
        }

    def face(
        self,
        camera: str = "desk",
        probabilities: tuple[float, ...] = HAPPY,
        *,
        people: int = 1,
        problem: FaceProblem | None = None,
    ) -> FaceEmotion:
        name = topic(Family.FACE_EMOTION, camera)
        read = None if problem else probabilities
        face = Face(box=FACE, score=0.9, probabilities=read, problem=problem)
        event = FaceEmotion(
            **self._head(name),
            camera=camera,
            frame_id=new_id(),
            frame_seq=1,
            rate=5,
            width=640,
            height=480,
            status=FrameStatus.OK,
            faces=(face,) * people,
        )
        self.publisher.send(name, event)
        return event

    def window(
        self,
        camera: str = "desk",
        *,
        probabilities: tuple[float, ...] | None = HAPPY,
        hold: HoldReason | None = None,
        end: int | None = None,
        **fields: Any,
    ) -> EmotionWindow:
        name = topic(Family.EMOTION_WINDOW, camera)
        end = end or system_clock()
        event = EmotionWindow(
            **self._head(name, time=end),
            camera=camera,
            start=end - WINDOW_SECONDS * NS_PER_SECOND,
            end=end,
            frames_expected=75,
            frames_seen=75,
            frames_with_face=71,
            coverage=71 / 75,
            confidence=0.82,
            probabilities=None if hold else probabilities,
            hold=hold,
            **fields,
        )
        self.publisher.send(name, event)
        return event

    def recommendation(
        self,
        camera: str = "desk",
        *,
        songs: Sequence[SongMatch] = (),
        emotion: str = "happiness",
        hold: HoldReason | None = None,
        request: str = "",
        detail: str = "",
        **fields: Any,
    ) -> Recommendation:
        name = topic(Family.RECOMMENDATION, camera)
        event = Recommendation(
            **self._head(name),
            camera=camera,
            emotion="" if hold else emotion,
            confidence=0.82,
            probabilities=None if hold else HAPPY,
            songs=tuple(songs),
            hold=hold,
            request=request,
            detail=detail,
            **fields,
        )
        self.publisher.send(name, event)
        return event

    def taste(self, camera: str = "desk", *, entries: Sequence[TasteEntry] = ()) -> Taste:
        name = topic(Family.TASTE, camera)
        event = Taste(**self._head(name), camera=camera, entries=tuple(entries))
        self.publisher.send(name, event)
        return event

    def status(
        self,
        service: str = "recommender",
        *,
        instance: str = "one",
        time: int | None = None,
        state: ServiceState = ServiceState.RUNNING,
        detail: str = "",
        counters: dict[str, float] | None = None,
    ) -> Status:
        name = topic(Family.STATUS, service, instance)
        event = Status(
            **self._head(name, time=time),
            service=service,
            instance=instance,
            version="0.1.0",
            state=state,
            detail=detail,
            started=self.started,
            counters=counters or {},
        )
        self.publisher.send(name, event)
        return event


@dataclass
class System:
    """A broker as a process, a gateway behind real sockets, and a source of events."""

    address: BusAddress
    context: zmq.Context[zmq.Socket[bytes]]
    eventually: Eventually
    folder: Path
    stack: ExitStack
    settings: dict[str, Any] = field(default_factory=dict)
    _broker: ServiceProcess | None = None
    _gateway: "RunningGateway | None" = None

    @property
    def gateway(self) -> "RunningGateway":
        assert self._gateway is not None
        return self._gateway

    def start_broker(self) -> None:
        self._broker = ServiceProcess(
            "moodcue_broker",
            "run",
            environment={"MOODCUE_BUS_PORT": str(self.address.port)},
            errors=self.folder / "broker.log",
        )

    def stop_broker(self) -> None:
        if self._broker is not None:
            self._broker.stop()
            self._broker = None

    def start_gateway(self, **settings: Any) -> "RunningGateway":
        self.settings |= settings
        self._gateway = RunningGateway.start(self.address, self.folder, self.settings)
        return self._gateway

    def stop_gateway(self) -> None:
        if self._gateway is not None:
            self._gateway.stop()
            self._gateway = None

    def start(self, **settings: Any) -> "RunningGateway":
        """Start both and wait until the gateway hears the broker."""
        self.start_broker()
        gateway = self.start_gateway(**settings)
        self.eventually(lambda: gateway.parts.bus.silence() is None, "the gateway hears the broker")
        return gateway

    def source(self, name: str = "test/one") -> Source:
        publisher = Publisher(self.context, self.address, source=name)
        self.stack.callback(publisher.close, 0)
        assert publisher.wait_until_connected(20)
        return Source(publisher)

    def answer_requests(self, answer: Callable[[Source, RecommendationRequest], object]) -> None:
        """Answer requests from a thread, as the recommender does, over real sockets."""
        stop, ready = threading.Event(), threading.Event()

        def work() -> None:
            with (
                Subscriber(self.context, self.address, topics=["request/"]) as requests,
                Publisher(self.context, self.address, source="recommender/one") as publisher,
            ):
                source = Source(publisher)
                while not stop.is_set():
                    source.status()
                    message = requests.receive(0.05)
                    ready.set()
                    if message is not None and isinstance(message.event, RecommendationRequest):
                        answer(source, message.event)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()

        def end() -> None:
            stop.set()
            thread.join()

        self.stack.callback(end)
        assert ready.wait(20)
        self.eventually(
            lambda: self.gateway.client.get("/readyz").status_code == 200, "the recommender is seen"
        )


@dataclass
class RunningGateway:
    """A gateway in a thread, with a client for it."""

    parts: Parts
    client: httpx.Client
    url: str
    _stop: Callable[[], None]

    @classmethod
    def start(cls, address: BusAddress, folder: Path, fields: dict[str, Any]) -> "RunningGateway":
        settings = GatewaySettings(
            **{
                "port": 0,
                "bus_port": address.port,
                "instance": "test",
                "index_dir": folder / "index",
                "state_dir": folder / "state",
                **fields,
            }
        )
        parts = build_parts(settings, CollectorRegistry())
        server = create_server(settings, parts)
        listening = listen(settings)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        client = httpx.Client(base_url=url, timeout=20)

        def stop() -> None:
            client.close()
            server.should_exit = True
            thread.join()

        return cls(parts, client, url, stop)

    def stop(self) -> None:
        self._stop()


@pytest.fixture(name="system")
def system_fixture(
    address: BusAddress,
    context: zmq.Context[zmq.Socket[bytes]],
    eventually: Eventually,
    tmp_path: Path,
) -> Iterator[System]:
    """Parts of a system that the test starts as it needs them."""
    with ExitStack() as stack:
        made = System(address, context, eventually, tmp_path, stack)
        stack.callback(made.stop_broker)
        stack.callback(made.stop_gateway)
        yield made


@dataclass(frozen=True)
class ServerEvent:
    """One event of an event stream, as a client reads it."""

    name: str
    data: dict[str, Any]
    id: str


class EventReader:
    """Reads an event stream as the specification says, and remembers the last id."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.last_id = ""
        self._lines = response.iter_lines()

    def __iter__(self) -> Iterator[ServerEvent]:
        name, data = "message", ""
        for line in self._lines:
            key, _, value = line.partition(": ")
            if key == "id":
                self.last_id = value
            elif key == "event":
                name = value
            elif key == "data":
                data = value
            elif not line:
                if data:
                    yield ServerEvent(name, json.loads(data), self.last_id)
                name, data = "message", ""

    def take(self, count: int) -> list[ServerEvent]:
        return list(islice(self, count))


@contextmanager
def events(
    gateway: RunningGateway, *topics: str, last_id: str | None = None
) -> Iterator[EventReader]:
    """Follow the live events with a client of its own."""
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    with (
        httpx.Client(timeout=20) as client,
        client.stream(
            "GET", f"{gateway.url}/v1/events", params={"topic": topics}, headers=headers
        ) as response,
    ):
        assert response.status_code == 200
        yield EventReader(response)


def song(number: int, title: str | None = None) -> SongMatch:
    return SongMatch(
        song=f"{number:016x}",
        title=title or f"Song {number}",
        artist=f"Artist {number}",
        path=f"song{number}.wav",
        score=0.95 - number / 100,
        emotions=HAPPY,
        valence=0.5,
        arousal=0.4,
        contributions={"happiness": 0.9},
        reason="mostly happiness, as in the window",
    )


def write_tone(path: Path, *, seconds: float = 2.0) -> None:
    """Write a real audio file, a quiet tone; the suffix decides the format."""
    rate = 48_000
    wave = 0.1 * np.sin(2 * np.pi * 330 * np.arange(int(rate * seconds)) / rate)
    subtype = "OPUS" if path.suffix == ".opus" else None
    kind = "OGG" if path.suffix == ".opus" else None
    soundfile.write(path, wave, rate, subtype=subtype, format=kind)


def library_song(number: int, path: str, names: tuple[str, str] = ("Song", "Artist")) -> Song:
    return Song(
        id=number,
        path=path,
        title=f"{names[0]} {number}",
        artist=f"{names[1]} {number}",
        duration_seconds=2.0,
        valence=0.5,
        arousal=0.4,
        uncertainty=0.3,
        emotions=HAPPY,
        quadrants=(0.25,) * 4,
        moment_seconds=1.0,
        trajectory=((0.5, 0.4), (0.5, 0.4)),
        opening=(0.5, 0.4),
        ending=(0.5, 0.4),
    )


def write_index(
    folder: Path,
    paths: Sequence[str],
    *,
    generation: str = "g1",
    names: tuple[str, str] = ("Song", "Artist"),
) -> Path:
    """Publish an index of songs, numbered from 1, with the music folder beside it.

    Args:
        folder: of both.
        paths: of the songs in the music folder.
        generation: of the index.
        names: what titles and artists begin with.
    """
    index, music = folder / "index", folder / "music"
    music.mkdir(exist_ok=True)
    place = index / GENERATIONS / generation
    place.mkdir(parents=True)
    write_songs(place, [library_song(n, path, names) for n, path in enumerate(paths, start=1)])
    manifest = IndexManifest(
        format=FORMAT,
        generation=generation,
        created=system_clock(),
        dimension=7,
        metric="inner_product",
        labels=BASIC_7,
        songs=len(paths),
        model="none",
        model_sha256="",
        music_root=str(music),
        files={},
    )
    beside = index / "manifest.new"
    beside.write_bytes(msgspec.json.encode(manifest))
    beside.replace(index / MANIFEST)
    return music
