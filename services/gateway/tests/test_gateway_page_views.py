"""The library and system views, what to do next, and the player, in a real browser."""

import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from gateway_harness import HAPPY, SAD, Source, System, song, write_index, write_tone
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from page_browser import chromium, complaints, take_pictures, text, texts
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from moodcue.events import FeedbackKind, Mode, RecommendationRequest

pytestmark = pytest.mark.browser

SERVICES = ("camera", "aggregator", "recommender", "fer")


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


@pytest.fixture
def browser(tmp_path: Path, downloads: Path) -> Iterator[Chrome]:
    with chromium(tmp_path / "profile") as driver:
        behaviour = {"behavior": "allow", "downloadPath": str(downloads)}
        driver.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
        yield driver


def start(system: System, browser: Chrome, *, view: str = "now") -> Source:
    gateway = system.start(stale_seconds=120)
    source = system.source()
    for service in SERVICES:
        source.status(service)
    browser.get(f"{gateway.url}#{view}")
    system.eventually(lambda: text(browser, "#connection") == "live", "the page is connected")
    return source


def songs_with_audio(folder: Path, count: int, *, seconds: float) -> None:
    music = write_index(folder, [f"song{n}.wav" for n in range(1, count + 1)])
    for number in range(1, count + 1):
        write_tone(music / f"song{number}.wav", seconds=seconds)


def test_the_library_is_searched_and_shown_on_the_plane(
    system: System, browser: Chrome, tmp_path: Path
) -> None:
    music = write_index(tmp_path, [f"song{n}.wav" for n in range(1, 61)])
    cover = np.full((32, 32, 3), 200, np.uint8)
    (music / "cover.png").write_bytes(cv2.imencode(".png", cover)[1].tobytes())
    write_tone(music / "song1.wav")
    start(system, browser, view="library")

    system.eventually(lambda: text(browser, "#library-lead") == "60 songs", "all are counted")
    assert len(texts(browser, "#found > li")) == 50
    covers = "return [...document.querySelectorAll('.art-cover')].map((one) => one.naturalWidth)"
    system.eventually(
        lambda: browser.execute_script(covers)[0] == 32, "a song has the cover of its folder"
    )
    browser.find_element(By.ID, "more").click()
    system.eventually(lambda: len(texts(browser, "#found > li")) == 60, "the rest is shown")
    assert browser.find_elements(By.CSS_SELECTOR, "#cloud .plane-dots")
    take_pictures(browser, "library")
    browser.find_element(By.ID, "search").send_keys("song 42")
    system.eventually(
        lambda: texts(browser, "#found .song-title") == ["Song 42"], "the song is found"
    )
    browser.find_element(By.ID, "search").send_keys("1")
    system.eventually(
        lambda: text(browser, "#library-lead") == "No song matches “song 421”.", "nothing is found"
    )
    browser.find_element(By.CSS_SELECTOR, "#cloud .plane-pick").click()
    system.eventually(
        lambda: "nearest" in text(browser, "#library-lead"), "a tap lists the nearest songs"
    )
    assert complaints(browser) == []


def test_the_day_is_a_picture_that_can_be_taken_along_and_deleted(
    system: System, browser: Chrome, downloads: Path
) -> None:
    source = start(system, browser, view="library")
    source.window(probabilities=HAPPY)
    system.eventually(lambda: "1 window" in text(browser, "#day"), "the first is noted")
    source.window(probabilities=SAD)
    system.eventually(lambda: "2 windows" in text(browser, "#day"), "and the second")
    assert "Happiness 50%" in text(browser, "#day")
    assert len(browser.find_elements(By.CSS_SELECTOR, "#day .day-bars")) == 2

    browser.find_element(By.ID, "journal-export").click()
    file = downloads / "moodcue-journal.csv"
    system.eventually(lambda: file.is_file() and file.stat().st_size > 0, "the file is there")
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert [row["emotion"] for row in rows] == ["happiness", "sadness"]

    browser.find_element(By.ID, "journal-delete").click()
    browser.refresh()
    system.eventually(lambda: text(browser, "#connection") == "live", "the page is back")
    system.eventually(
        lambda: "Sadness" in browser.execute_script("return mood.innerText"), "it has the window"
    )
    assert text(browser, "#day") == "Nothing yet."


def test_the_system_view_says_in_a_sentence_what_is_wrong(
    system: System, browser: Chrome, tmp_path: Path
) -> None:
    write_index(tmp_path, ["song1.wav"])
    source = start(system, browser, view="system")
    system.eventually(lambda: text(browser, "#verdict") == "All is well", "nothing is wrong")
    source.status(
        "broker", instance="main", counters={"frames_dropped": 7, "frames_dropped_too_old": 7}
    )
    system.eventually(lambda: "7 too old" in text(browser, "#figures"), "drops by reason")
    take_pictures(browser, "system")
    names = " ".join(texts(browser, ".service"))
    assert all(service in names for service in SERVICES)

    system.stop_broker()
    system.eventually(
        lambda: "Something needs you" in text(browser, "#verdict"), "the broker is missed"
    )
    assert "broker" in text(browser, "#verdict-text")


def test_the_next_step_is_said_one_at_a_time(
    system: System, browser: Chrome, tmp_path: Path
) -> None:
    gateway = system.start(stale_seconds=120)
    source = system.source()
    browser.get(gateway.url)
    system.eventually(
        lambda: "not running" in text(browser, "#next-step-title"), "first what is not running"
    )
    for service in SERVICES[1:]:
        source.status(service)
    system.eventually(lambda: "your music" in text(browser, "#next-step-title"), "then music")
    write_index(tmp_path, ["song1.wav"])
    system.eventually(lambda: "No camera" in text(browser, "#next-step-title"), "then a camera")
    source.status("camera")
    system.eventually(
        lambda: not browser.find_element(By.ID, "next-step").is_displayed(), "then nothing"
    )
    assert complaints(browser) == []


def test_a_song_fades_into_one_of_the_newest_recommendation_and_is_not_cut(
    system: System, browser: Chrome, tmp_path: Path
) -> None:
    songs_with_audio(tmp_path, 4, seconds=13)
    source = start(system, browser)
    heard: list[tuple[str, FeedbackKind]] = []

    def note(answering: Source, request: RecommendationRequest) -> None:
        if request.feedback is not None:
            heard.append((request.feedback.song, request.feedback.kind))
        answering.recommendation(request.camera, request=request.id, songs=[song(3), song(4)])

    system.answer_requests(note)
    source.recommendation(songs=[song(1), song(2)])
    system.eventually(lambda: len(texts(browser, ".song-title")) == 2, "songs")
    browser.find_element(By.CSS_SELECTOR, ".song .play").click()
    system.eventually(lambda: text(browser, "#player-title") == "Song 1", "the first plays")

    source.recommendation(songs=[song(3), song(4)], emotion="sadness")
    system.eventually(lambda: texts(browser, ".song-title")[0] == "Song 3", "the mood has turned")
    assert text(browser, "#player-title") == "Song 1"
    both = "return [...document.querySelectorAll('audio')].every((d) => !d.paused && d.volume < 1)"
    system.eventually(lambda: browser.execute_script(both), "both sound while one fades")
    assert text(browser, "#player-title") == "Song 3"
    system.eventually(lambda: heard != [], "it is told that the song was played")
    assert heard == [(song(1).song, FeedbackKind.PLAYED)]

    browser.find_element(By.ID, "player-skip").click()
    system.eventually(lambda: text(browser, "#player-title") == "Song 4", "the next one")
    system.eventually(lambda: len(heard) == 2, "it is told that the song was skipped")
    assert heard[1] == (song(3).song, FeedbackKind.SKIP)


def test_a_mode_is_set_for_the_room_and_shown_to_everybody_there(
    system: System, browser: Chrome
) -> None:
    source = start(system, browser)
    source.recommendation("desk", songs=[song(1)])
    wishes: list[tuple[str, Mode | None]] = []

    def note(answering: Source, request: RecommendationRequest) -> None:
        wishes.append((request.camera, request.mode))
        answering.recommendation(request.camera, request=request.id, songs=[song(2)])

    system.answer_requests(note)
    system.eventually(lambda: texts(browser, ".song-title") == ["Song 1"], "songs")
    browser.execute_script("document.querySelector('[name=mode][value=lift]').click()")

    system.eventually(lambda: wishes == [("desk", Mode.LIFT)], "the mode is asked for")
    system.eventually(
        lambda: "not settled" in text(browser, "#modes-note"), "its promise is modest"
    )
