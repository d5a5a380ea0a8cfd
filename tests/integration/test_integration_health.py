"""A service that is alive and does no work says so; one that has nothing to do is well."""

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import cv2
import faulty_service
import msgspec
import numpy as np
import pytest
from fixtures import Context, Eventually
from samples import SAMPLES

from moodcue.bus import FRAME_HWM, BusAddress, Port, Publisher
from moodcue.events import EmotionWindow, Event, FaceEmotion, Frame
from moodcue.identity import NS_PER_SECOND, new_id, system_clock
from moodcue.security import create_keys, load_keys
from moodcue.topics import Family, topic
from moodcue_recommender.sample_library import random_songs, write_library

E = TypeVar("E", bound=Event)
STALL_SECONDS = 1

pytestmark = pytest.mark.timeout(240)


class FaultyService:
    """A real process of a service, in which a function hangs or fails when the test says so."""

    def __init__(self, address: BusAddress, folder: Path) -> None:
        self._address = address
        self._folder = folder
        self._fault = folder / "fault"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, service: str, target: str, fault: str, **variables: str) -> None:
        command = [faulty_service.__file__, f"moodcue_{service}", target, fault]
        environment = {
            "MOODCUE_BUS_PORT": str(self._address.port),
            "MOODCUE_STALL_SECONDS": str(STALL_SECONDS),
            **variables,
        }
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command, str(self._fault)],
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
            )

    def begin_fault(self) -> None:
        self._fault.touch()

    def end_fault(self) -> None:
        self._fault.unlink()

    def page(self, path: str) -> tuple[int, str]:
        """Status and text of a page of health; 0 while there is none."""
        port = re.search(r'"health": (\d+)', (self._folder / "log").read_text())
        if port is None:
            return 0, ""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def end(self) -> int:
        """Tell it to end; return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(30)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def faulty(address: BusAddress, tmp_path: Path) -> Iterator[FaultyService]:
    made = FaultyService(address, tmp_path)
    yield made
    made.kill()


@pytest.fixture
def deadline_seconds() -> float:
    return 60.0


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    """What the services with a library and a state need."""
    write_library(tmp_path / "index", random_songs(10), generation="g1")
    return {
        "MOODCUE_RECOMMENDER_INDEX_DIR": str(tmp_path / "index"),
        "MOODCUE_RECOMMENDER_STATE_DIR": str(tmp_path / "recommender"),
        "MOODCUE_GATEWAY_INDEX_DIR": str(tmp_path / "index"),
        "MOODCUE_GATEWAY_STATE_DIR": str(tmp_path / "gateway"),
    }


def sample(kind: type[E], **changes: Any) -> E:
    [found] = [event for event in SAMPLES if isinstance(event, kind)]
    return msgspec.structs.replace(found, id=new_id(), **changes)


class Feed:
    """Sends events of one kind to the broker."""

    def __init__(self, context: Context, address: BusAddress, kind: type[Event]) -> None:
        self._kind = kind
        frames = kind is Frame
        self._publisher = Publisher(
            context,
            address,
            source="test/one",
            port=Port.FRAMES_IN if frames else Port.EVENTS_IN,
            hwm=FRAME_HWM if frames else 1000,
        )
        assert self._publisher.wait_until_connected(20)
        self._body = b""
        if frames:
            grey = np.full((48, 64, 3), 90, np.uint8)
            self._body = cv2.imencode(".jpg", grey)[1].tobytes()

    def send(self, **changes: Any) -> None:
        family = {
            Frame: Family.FRAME,
            FaceEmotion: Family.FACE_EMOTION,
            EmotionWindow: Family.EMOTION_WINDOW,
        }[self._kind]
        name = topic(family, "kitchen")
        numbered = {"source": "test/one", "seq": self._publisher.next_seq(name), **changes}
        self._publisher.send(name, sample(self._kind, camera="kitchen", **numbered), self._body)


@pytest.mark.parametrize(
    ("service", "target"),
    [
        ("broker", "moodcue_broker.service:Broker.turn"),
        ("camera", "moodcue_camera.synthetic:SyntheticPeople.picture_at"),
        ("aggregator", "moodcue_aggregator.service:Aggregator.turn"),
        ("recommender", "moodcue_recommender.service:RecommenderService._turn"),
        ("gateway", "moodcue_gateway.parts:Parts.check"),
        ("gateway", "moodcue_gateway.service:Listener._receive"),
    ],
)
def test_a_loop_that_hangs_fails_the_health_check_until_it_goes_on(
    faulty: FaultyService,
    address: BusAddress,
    folders: dict[str, str],
    eventually: Eventually,
    request: pytest.FixtureRequest,
    service: str,
    target: str,
) -> None:
    page = str(address.port + len(Port))
    if service != "broker":
        request.getfixturevalue("broker")
    faulty.start(service, target, "hang", MOODCUE_GATEWAY_PORT=page, **folders)
    eventually(lambda: faulty.page("/healthz") == (200, "ok\n"), "it is well")

    faulty.begin_fault()
    eventually(lambda: "not come round" in faulty.page("/healthz")[1], "it says that it hangs")
    assert faulty.page("/readyz")[0] == 503
    assert faulty.runs()

    faulty.end_fault()
    eventually(lambda: faulty.page("/healthz") == (200, "ok\n"), "it is well again")


@pytest.mark.usefixtures("broker")
@pytest.mark.parametrize(
    ("fault", "words"), [("hang", "not come round"), ("fail", faulty_service.WORDS)]
)
def test_a_worker_whose_model_hangs_or_fails_says_so_until_a_frame_is_read(
    faulty: FaultyService,
    context: Context,
    address: BusAddress,
    eventually: Eventually,
    fault: str,
    words: str,
) -> None:
    frames = Feed(context, address, Frame)

    def health(path: str) -> tuple[int, str]:
        frames.send(time=system_clock())
        return faulty.page(path)

    faulty.start("fer", "moodcue_fer.analysis:FaceAnalyser.analyse", fault)
    eventually(lambda: health("/readyz") == (200, "ok\n"), "it works")

    faulty.begin_fault()
    eventually(lambda: words in health("/healthz")[1], "it says what is wrong")
    assert faulty.page("/readyz")[0] == 503
    assert faulty.runs()

    faulty.end_fault()
    eventually(lambda: health("/readyz") == (200, "ok\n"), "it works again")


@pytest.mark.usefixtures("broker")
def test_a_recommender_that_can_answer_no_window_says_so_until_it_can(
    faulty: FaultyService,
    context: Context,
    address: BusAddress,
    folders: dict[str, str],
    eventually: Eventually,
) -> None:
    windows = Feed(context, address, EmotionWindow)

    def health(path: str) -> tuple[int, str]:
        windows.send()
        return faulty.page(path)

    faulty.start("recommender", "moodcue_recommender.answerer:Answerer.answer", "fail", **folders)
    eventually(lambda: health("/readyz") == (200, "ok\n"), "it answers")

    faulty.begin_fault()
    eventually(lambda: faulty_service.WORDS in health("/healthz")[1], "it says what is wrong")
    assert faulty.page("/readyz")[0] == 503
    assert faulty.runs()

    faulty.end_fault()
    eventually(lambda: health("/readyz") == (200, "ok\n"), "it answers again")


@pytest.mark.usefixtures("broker")
def test_an_aggregator_that_gets_faces_of_which_no_window_comes_says_so_until_one_does(
    faulty: FaultyService, context: Context, address: BusAddress, eventually: Eventually
) -> None:
    faces = Feed(context, address, FaceEmotion)
    stopped = system_clock()

    def health(time: int) -> tuple[int, str]:
        # A camera whose clock stands still: its window never ends.
        faces.send(frame_id=new_id(), time=time)
        return faulty.page("/readyz")

    faulty.start(
        "aggregator",
        "moodcue_aggregator.service:Aggregator.turn",
        "hang",
        MOODCUE_AGGREGATOR_WINDOW_SECONDS="2",
        MOODCUE_AGGREGATOR_LATENESS_SECONDS="0.2",
        MOODCUE_AGGREGATOR_IDLE_GRACE_SECONDS="0.2",
    )
    eventually(lambda: faulty.page("/readyz") == (200, "ok\n"), "it is ready")
    eventually(lambda: "no window has left" in health(stopped)[1], "it says that none comes")
    eventually(lambda: faulty.page("/healthz")[0] == 200, "a restart would mend nothing")

    began = system_clock()
    eventually(
        lambda: health(stopped + 10 * (system_clock() - began) + NS_PER_SECOND) == (200, "ok\n"),
        "windows come again",
    )


@pytest.mark.usefixtures("broker")
def test_a_gateway_whose_listening_thread_has_died_says_so(
    faulty: FaultyService, address: BusAddress, folders: dict[str, str], eventually: Eventually
) -> None:
    page = str(address.port + len(Port))
    faulty.start(
        "gateway",
        "moodcue_gateway.service:Listener._receive",
        "fail",
        MOODCUE_GATEWAY_PORT=page,
        **folders,
    )
    eventually(lambda: faulty.page("/healthz") == (200, "ok\n"), "it is well")

    faulty.begin_fault()
    eventually(lambda: "has stopped" in faulty.page("/readyz")[1], "it names the thread")
    eventually(lambda: faulty.page("/healthz")[0] == 503, "a restart is asked for")
    assert faulty.runs()


def test_a_broker_that_lets_nobody_in_any_more_says_so(
    faulty: FaultyService,
    context: Context,
    address: BusAddress,
    tmp_path: Path,
    eventually: Eventually,
) -> None:
    create_keys(tmp_path / "keys")
    known = BusAddress(address.host, address.port, load_keys(tmp_path / "keys"))
    faulty.start(
        "broker",
        "zmq.auth.thread:ThreadAuthenticator.handle_zap_message",
        "fail",
        MOODCUE_CURVE_DIR=str(tmp_path / "keys"),
    )
    with Publisher(context, known, source="a") as one:
        assert one.wait_until_connected(60)
    eventually(lambda: faulty.page("/healthz") == (200, "ok\n"), "it is well")

    faulty.begin_fault()
    with Publisher(context, known, source="b") as another:
        eventually(lambda: "checks keys" in faulty.page("/healthz")[1], "it names the thread")
        assert not another.wait_until_connected(0)
    assert faulty.end() == 0


@pytest.mark.usefixtures("broker")
@pytest.mark.parametrize("service", ["aggregator", "fer", "recommender"])
def test_a_service_that_has_nothing_to_do_is_well(
    faulty: FaultyService,
    folders: dict[str, str],
    eventually: Eventually,
    service: str,
) -> None:
    faulty.start(service, f"moodcue_{service}.app:run", "hang", **folders)
    eventually(lambda: faulty.page("/readyz") == (200, "ok\n"), "it is ready")
    began = system_clock()
    eventually(
        lambda: (
            system_clock() - began > 3 * STALL_SECONDS * NS_PER_SECOND
            and faulty.page("/readyz") == (200, "ok\n")
        ),
        "it is ready after three times what a stall may last",
    )
