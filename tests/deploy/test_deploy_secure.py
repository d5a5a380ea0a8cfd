"""The compose file with the profile `secure`, on a real engine."""

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from compose import Compose, override
from mer_sounds import tone, write_audio

import moodcue
from moodcue.errors import BusError
from moodcue.events import Recommendation
from moodcue.security import PLAINTEXT, create_keys

SERVICES = ("broker", "camera", "fer", "aggregator", "recommender", "gateway")
KEYS = "/data/keys"
SECURE = ("--profile", "secure")

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(1200)]


class Secured:
    """A project of the compose file whose bus is encrypted, and a look into its volume of keys."""

    def __init__(self, compose: Compose) -> None:
        self.compose = compose

    def up(self, *services: str, profile: bool = True) -> str:
        return self.compose.run(*(SECURE if profile else ()), "up", "-d", *services)

    def down(self, *options: str) -> None:
        self.compose.run(*SECURE, "down", *options)

    def logs(self, service: str) -> str:
        return self.compose.run(*SECURE, "logs", "--no-color", service)

    def image(self, service: str) -> str:
        described = json.loads(self.compose.run("config", "--format", "json"))
        return str(described["services"][service]["image"])

    def in_volume(self, script: str) -> str:
        """Run Python as the services' user, with the volume of keys to write to."""
        mounted = ["-v", f"{self.compose.project}_keys:{KEYS}"]
        program = ["--entrypoint", "python", self.image("broker"), "-c", script]
        return self.compose.docker("run", "--rm", *mounted, *program)

    def kept(self) -> str:
        """Describe the files in the volume: mode, owner, contents."""
        return self.in_volume(
            "import hashlib, pathlib\n"
            f"for path in sorted(pathlib.Path('{KEYS}').rglob('*')):\n"
            "    state = path.stat()\n"
            "    data = path.read_bytes() if path.is_file() else b''\n"
            "    digest = hashlib.sha256(data).hexdigest()\n"
            "    print(path.name, oct(state.st_mode & 0o777), state.st_uid, digest)"
        )

    def keys_for_a_subscriber(self, folder: Path) -> Path:
        """Take them as the README says."""
        self.compose.run("cp", f"broker:{KEYS}/subscriber", str(folder / "keys"))
        return folder / "keys"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Secured:
    folder = tmp_path_factory.mktemp("compose")
    # One song, so that nothing waits for an index of many.
    music = folder / "music"
    music.mkdir()
    write_audio(music / "tone.flac", sound=tone(seconds=20))
    music.chmod(0o755)
    variables = {"WINDOW_SECONDS": "3", "MUSIC": str(music)}
    made = Secured(Compose(override(folder), "moodcue-secure", variables))
    made.compose.run("build", timeout_seconds=1000)
    made.down("--volumes")
    return made


@pytest.fixture(scope="module")
def secured(project: Secured) -> Iterator[Secured]:
    """All of Moodcue, started for the first time with the profile."""
    project.up()
    yield project
    project.down("--volumes")


@pytest.fixture
def empty(project: Secured) -> Iterator[Secured]:
    """The project with nothing started and no volume."""
    project.down("--volumes")
    yield project
    project.down("--volumes")


def test_every_service_works_and_a_subscriber_with_its_keys_gets_songs(
    secured: Secured, tmp_path: Path
) -> None:
    keys = secured.keys_for_a_subscriber(tmp_path)
    deadline = time.monotonic() + 300
    with moodcue.subscribe("recommendation/", curve_dir=keys) as subscription:
        event = subscription.get(timeout_seconds=120)
        while not (isinstance(event, Recommendation) and event.songs):
            assert time.monotonic() < deadline, "no song was recommended"
            event = subscription.get(timeout_seconds=60)

    assert event.camera == "camera"
    assert '"announced": true' in secured.logs("mer-indexer")
    with urllib.request.urlopen("http://127.0.0.1:8080/v1/recommendations/latest") as latest:
        assert latest.status == 200
    assert sorted(path.name for path in keys.iterdir()) == [
        "broker.key",
        "client.key",
        "client.key_secret",
    ]


def test_who_has_no_keys_or_others_gets_nothing_meanwhile(secured: Secured, tmp_path: Path) -> None:
    keys = secured.keys_for_a_subscriber(tmp_path)
    create_keys(tmp_path / "others")
    (tmp_path / "others" / "broker.key").write_bytes((keys / "broker.key").read_bytes())
    with (
        moodcue.subscribe("status/") as without,
        moodcue.subscribe("status/", curve_dir=tmp_path / "others") as stranger,
        moodcue.subscribe("status/", curve_dir=keys) as ours,
    ):
        assert None not in [ours.get(timeout_seconds=60) for _ in range(30)]
        with pytest.raises(BusError, match="only one of the broker and this has keys"):
            without.get(timeout_seconds=60)
        with pytest.raises(BusError, match="does not let our key in"):
            stranger.get(timeout_seconds=60)


def test_each_of_the_brokers_doors_demands_encryption(secured: Secured) -> None:
    # A ZMTP peer that has read a signature and version names its mechanism in bytes 12 to 31.
    script = (
        "import socket\n"
        "for port in range(5570, 5575):\n"
        "    with socket.create_connection(('broker', port), timeout=10) as door:\n"
        "        door.sendall(b'\\xff' + bytes(8) + b'\\x7f\\x03\\x00')\n"
        "        greeting = b''\n"
        "        while len(greeting) < 32 and (more := door.recv(64)):\n"
        "            greeting += more\n"
        "    print(greeting[12:32].rstrip(b'\\0').decode())"
    )
    answer = secured.compose.run("exec", "-T", "camera", "python", "-c", script)

    assert answer.split() == ["CURVE"] * 5


def test_private_keys_are_readable_by_the_services_user_alone(secured: Secured) -> None:
    lines = [line.split() for line in secured.kept().splitlines()]
    private = [line for line in lines if line[0].endswith(".key_secret")]

    assert len(private) == 3
    assert {(mode, owner) for _, mode, owner, _ in private} == {("0o600", "10001")}
    folder = secured.in_volume(f"import os; s = os.stat('{KEYS}'); print(oct(s.st_mode), s.st_uid)")
    assert folder.split() == ["0o40700", "10001"]


def test_no_image_and_no_log_holds_a_key(secured: Secured) -> None:
    for service in SERVICES:
        look = ["--entrypoint", "ls", secured.image(service), "-A", KEYS]
        listed = secured.compose.docker("run", "--rm", *look)
        assert listed.split() == [PLAINTEXT]

    text = secured.in_volume(
        "import pathlib\n"
        f"for path in pathlib.Path('{KEYS}').rglob('*.key_secret'):\n"
        "    print(path.read_text().rsplit(chr(34), 2)[1])"
    )
    secrets = text.split()
    assert len(secrets) == 3
    for service in ("keys", "mer-indexer", *SERVICES):
        log = secured.logs(service)
        assert log
        assert not any(secret in log for secret in secrets)


def test_a_second_start_keeps_the_keys_and_needs_the_profile_no_more(
    secured: Secured, tmp_path: Path
) -> None:
    before = secured.kept()
    secured.down()
    secured.up("broker")
    assert secured.kept() == before
    secured.down()
    secured.up("broker", profile=False)

    keys = secured.keys_for_a_subscriber(tmp_path)
    with moodcue.subscribe("status/", curve_dir=keys) as ours, moodcue.subscribe("status/") as no:
        assert ours.get(timeout_seconds=60) is not None
        with pytest.raises(BusError):
            no.get(timeout_seconds=60)
    assert secured.kept() == before


def says(project: Secured, service: str, words: str) -> None:
    deadline = time.monotonic() + 60
    pause = threading.Event()
    while words not in project.logs(service):
        assert time.monotonic() < deadline, f"{service} did not say {words!r}"
        pause.wait(0.5)


def test_with_damaged_or_lost_keys_nothing_starts_and_the_reason_is_one_line(
    empty: Secured,
) -> None:
    empty.up("broker", "camera")
    empty.in_volume(f"open('{KEYS}/client.key_secret', 'w').write('lost')")
    empty.compose.run("restart", "camera")
    says(empty, "camera", "no usable keys: No public key found in /data/keys/client.key_secret")
    empty.up("--no-deps", "keys")
    says(empty, "keys", "moodcue: no usable keys")

    empty.in_volume(f"import shutil; shutil.rmtree('{KEYS}', ignore_errors=True)")
    empty.compose.run("restart", "broker")
    says(empty, "broker", "no usable keys")
    assert "Traceback" not in empty.logs("broker") + empty.logs("camera") + empty.logs("keys")


def test_the_job_makes_no_keys_beside_a_broker_that_runs_without_them(empty: Secured) -> None:
    empty.up("broker", profile=False)

    with pytest.raises(AssertionError, match="end all of Moodcue first"):
        empty.compose.run(*SECURE, "run", "-T", "--rm", "--no-deps", "keys")
    assert empty.kept().split()[0] == PLAINTEXT


def test_what_runs_is_switched_as_a_whole_or_stays_as_it_is(empty: Secured, tmp_path: Path) -> None:
    # Some versions of Compose start everything again when the profile is added, others nothing.
    empty.up("broker", "camera", profile=False)
    empty.up("broker", "camera")

    switched = PLAINTEXT not in empty.kept()
    keys = empty.keys_for_a_subscriber(tmp_path) if switched else None
    with moodcue.subscribe("status/camera/", curve_dir=keys) as subscription:
        assert subscription.get(timeout_seconds=60) is not None
