"""A person with nothing but a browser: its camera, the whole system, and songs that play."""

import os
import signal
import wave
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from fake_video import fake_video_flags, write_fake_video
from fixtures import Eventually
from page_browser import chromium, complaints, take_pictures, text, texts
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from service_process import ServiceProcess

from moodcue.bus import BusAddress
from moodcue_recommender.sample_library import random_songs, write_library

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SERVICES = ("broker", "fer", "aggregator", "recommender", "gateway")
SONG_SECONDS = 14


@pytest.fixture
def deadline_seconds() -> float:
    """Longer than elsewhere: a browser and five services share the machine."""
    return 60.0


def write_songs(folder: Path) -> None:
    """Publish a library of 60 songs that can be played: each a quiet tone."""
    music = folder / "music"
    music.mkdir()
    rate = 8000
    tone = 1000 * np.sin(2 * np.pi * 330 * np.arange(rate * SONG_SECONDS) / rate)
    with wave.open(str(music / "tone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(tone.astype("<i2").tobytes())
    songs = [msgspec.structs.replace(song, path=f"{song.title}.wav") for song in random_songs(60)]
    for song in songs:
        os.link(music / "tone.wav", music / song.path)
    write_library(folder / "index", songs, generation="g1")


class System:
    """All services but a camera, as processes."""

    def __init__(self, folder: Path, address: BusAddress) -> None:
        self.url = f"http://127.0.0.1:{address.port + 5}"
        self._folder = folder
        self._environment = {
            "MOODCUE_BUS_PORT": str(address.port),
            "MOODCUE_INSTANCE": "test",
            "MOODCUE_AGGREGATOR_WINDOW_SECONDS": "3",
            "MOODCUE_GATEWAY_PORT": str(address.port + 5),
            "MOODCUE_GATEWAY_INDEX_DIR": str(folder / "index"),
            "MOODCUE_RECOMMENDER_INDEX_DIR": str(folder / "index"),
            "MOODCUE_RECOMMENDER_STATE_DIR": str(folder / "state"),
        }
        self.processes: dict[str, ServiceProcess] = {}

    def start(self, service: str) -> None:
        self.processes[service] = ServiceProcess(
            f"moodcue_{service}",
            "run",
            environment=self._environment,
            errors=self._folder / f"{service}.log",
        )

    def files(self) -> list[Path]:
        """All that the services have written."""
        found = [*self._folder.glob("state/**/*"), *self._folder.glob("*.log")]
        return [path for path in found if path.is_file()]

    def end(self, service: str) -> None:
        self.processes.pop(service).stop(signal.SIGTERM)


@pytest.fixture
def system(tmp_path: Path, address: BusAddress) -> Iterator[System]:
    write_songs(tmp_path)
    made = System(tmp_path, address)
    for service in SERVICES:
        made.start(service)
    yield made
    for process in made.processes.values():
        process.kill()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "face.mjpeg"
    write_fake_video(path)
    return path


@pytest.fixture
def browser(video: Path, tmp_path: Path) -> Iterator[Chrome]:
    with chromium(tmp_path / "profile", flags=fake_video_flags(video)) as driver:
        yield driver


def start_camera(browser: Chrome, name: str) -> None:
    field = browser.find_element(By.ID, "camera-name")
    field.clear()
    field.send_keys(name)
    browser.find_element(By.ID, "camera-start").click()


def open_page(browser: Chrome, system: System, eventually: Eventually) -> None:
    eventually(lambda: answers(system), "the gateway answers")
    browser.get(system.url)
    eventually(lambda: text(browser, "#connection") == "live", "the page is connected")


def answers(system: System) -> bool:
    assert system.processes["gateway"].poll() is None
    return any(b"gateway.listening" in path.read_bytes() for path in system.files())


def test_the_browsers_camera_is_read_songs_play_a_like_counts_and_a_restart_heals(
    system: System, browser: Chrome, eventually: Eventually
) -> None:
    open_page(browser, system, eventually)
    assert not browser.find_element(By.ID, "on-air").is_displayed()
    start_camera(browser, "sofa")

    eventually(lambda: "sofa" in text(browser, "#on-air"), "the sign says that the camera is on")
    assert browser.title.startswith("●")
    eventually(lambda: "1 face" in text(browser, "#face"), "the face is read")
    browser.find_element(By.ID, "preview-on").click()
    eventually(
        lambda: browser.find_elements(By.CSS_SELECTOR, ".preview .outline"), "the face is outlined"
    )
    eventually(lambda: text(browser, "#mood") == "Happiness", "the window's mood")
    eventually(lambda: len(texts(browser, ".song-title")) == 5, "five songs")
    take_pictures(browser, "camera")

    browser.find_element(By.CSS_SELECTOR, ".song .play").click()
    sounding = "return [...document.querySelectorAll('audio')].some((d) => d.currentTime > 0.5)"
    eventually(lambda: browser.execute_script(sounding), "the song plays")
    title = text(browser, "#player-title")
    browser.find_element(By.ID, "player-like").click()
    eventually(lambda: title in " ".join(liked(browser)), "the like is known")
    assert complaints(browser) == []

    system.end("gateway")
    eventually(lambda: "away" in text(browser, "#on-air"), "the sign says that the gateway is away")
    system.start("gateway")
    eventually(lambda: text(browser, "#connection") == "live", "the page is back")
    eventually(lambda: "away" not in text(browser, "#on-air"), "the camera is back")

    browser.find_element(By.ID, "camera-stop").click()
    eventually(lambda: not browser.find_element(By.ID, "on-air").is_displayed(), "the sign is gone")
    tracks = "return document.querySelector('.preview video').srcObject"
    assert browser.execute_script(tracks) is None
    assert not [path.name for path in system.files() if b"\xff\xd8\xff" in path.read_bytes()]


def liked(browser: Chrome) -> list[str]:
    found = browser.execute_script(
        "return [...document.querySelectorAll('#taste li')].map((row) => row.textContent)"
    )
    return [str(one) for one in found]


def test_two_browsers_are_two_rooms_and_a_taken_name_is_said(
    system: System, browser: Chrome, eventually: Eventually, video: Path, tmp_path: Path
) -> None:
    open_page(browser, system, eventually)
    start_camera(browser, "sofa")
    eventually(lambda: "sofa" in text(browser, "#on-air"), "the first is on")
    with chromium(tmp_path / "other", flags=fake_video_flags(video)) as other:
        open_page(other, system, eventually)
        start_camera(other, "sofa")
        eventually(lambda: "different name" in text(other, "#camera-problem"), "the name is taken")
        start_camera(other, "Küche oben")
        eventually(lambda: "Kueche-oben" in text(other, "#on-air"), "the second has its own room")
        eventually(lambda: "1 face" in text(other, "#face"), "its face is read")
        rooms = "return [...document.querySelectorAll('#room-choice option')].map((o) => o.value)"
        eventually(
            lambda: set(other.execute_script(rooms)) == {"sofa", "Kueche-oben"}, "both are rooms"
        )
        assert complaints(other) == []
    assert complaints(browser) == []


def test_a_real_face_goes_from_sadness_to_happiness(
    system: System, eventually: Eventually, shared_data: Path, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mjpeg"
    write_fake_video(clip, clip=shared_data / "clips" / "sad_to_happy.mp4")
    with chromium(tmp_path / "profile", flags=fake_video_flags(clip)) as browser:
        open_page(browser, system, eventually)
        start_camera(browser, "sofa")

        eventually(lambda: text(browser, "#mood") == "Sadness", "she is sad")
        eventually(lambda: text(browser, "#mood") == "Happiness", "and then happy")
        eventually(lambda: "Happiness" in text(browser, "#songs-title"), "the songs follow")


SLOW_CONNECTION = """
    window.underWay = 0;
    window.most = 0;
    window.pictures = 0;
    window.WebSocket = class extends WebSocket {
      send(data) {
        if (data instanceof Blob) {
          window.pictures += 1;
          window.underWay += 1;
          window.most = Math.max(window.most, window.underWay);
        }
        super.send(data);
      }
      addEventListener(type, listener) {
        super.addEventListener(type, type !== "message" ? listener : (event) => {
          if (event.data.includes("taken")) {
            setTimeout(() => { window.underWay -= 1; listener(event); }, 1000);
          } else {
            listener(event);
          }
        });
      }
    };
"""


def test_over_a_slow_connection_at_most_two_pictures_are_under_way(
    system: System, browser: Chrome, eventually: Eventually
) -> None:
    wrapped = {"source": SLOW_CONNECTION}
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", wrapped)
    open_page(browser, system, eventually)
    start_camera(browser, "sofa")
    eventually(lambda: browser.execute_script("return window.pictures") >= 6, "pictures go")

    assert browser.execute_script("return window.most") == 2
    eventually(lambda: "1 face" in text(browser, "#face"), "they are read")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--deny-permission-prompts", "--use-fake-device-for-media-stream"], "Allow it"),
        (["--use-fake-ui-for-media-stream"], "no camera"),
    ],
)
def test_a_camera_that_the_browser_does_not_give_is_a_sentence_that_says_what_to_do(
    system: System, eventually: Eventually, tmp_path: Path, flags: list[str], words: str
) -> None:
    with chromium(tmp_path / "denied", flags=flags) as browser:
        open_page(browser, system, eventually)
        start_camera(browser, "sofa")
        eventually(lambda: words in text(browser, "#camera-problem"), "it says what to do")

        assert not browser.find_element(By.ID, "on-air").is_displayed()
