"""The real page in a real browser, fed over the bus."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_harness import (
    HAPPY,
    SAD,
    Source,
    System,
    song,
    write_index,
    write_tone,
)
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from moodcue.events import HoldReason

pytestmark = pytest.mark.browser

BROWSER, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--window-size=1280,1000",
)
SCREENSHOTS = os.environ.get("GATEWAY_SCREENSHOTS")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    if not Path(BROWSER).exists() or not Path(DRIVER).exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{BROWSER} and {DRIVER} are needed")
        pytest.skip(f"{BROWSER} and {DRIVER} are not installed")
    options = ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()
    shutil.rmtree(tmp_path / "profile", ignore_errors=True)


def text(browser: Chrome, selector: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, selector).text


def texts(browser: Chrome, selector: str) -> list[str]:
    # One call, so that no element vanishes between finding and reading it.
    found = browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)", selector
    )
    return [str(one) for one in found]


def complaints(browser: Chrome) -> list[str]:
    lines = browser.get_log("browser")  # type: ignore[no-untyped-call] # selenium leaves it out
    return [str(line["message"]) for line in lines if line["level"] == "SEVERE"]


def start_everything(source: Source) -> None:
    for service in ("camera", "aggregator", "recommender"):
        source.status(service)
    for instance in ("one", "two"):
        source.status("fer", instance=instance)


def take_pictures(browser: Chrome, name: str) -> None:
    """Save the page for a person to look at, where one asked for it."""
    if SCREENSHOTS is None:
        return
    for scheme in ("light", "dark"):
        for device, width in (("desktop", 1280), ("phone", 390)):
            media = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
            metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            height = browser.execute_script("return document.documentElement.scrollHeight")
            browser.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride", {**metrics, "height": height}
            )
            browser.save_screenshot(f"{SCREENSHOTS}/{name}-{device}-{scheme}.png")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_page_follows_the_bus_from_the_first_face_to_the_playing_song(
    system: System, browser: Chrome, tmp_path: Path
) -> None:
    music = write_index(tmp_path, [f"song{n}.wav" for n in range(1, 6)])
    for number in range(1, 6):
        write_tone(music / f"song{number}.wav", seconds=5)
    gateway = system.start(stale_seconds=120)
    source = system.source()
    browser.get(gateway.url)
    system.eventually(lambda: text(browser, "#connection") == "live", "the page is connected")
    system.eventually(lambda: "make demo" in text(browser, "#notice"), "it says what is missing")
    take_pictures(browser, "empty")

    start_everything(source)
    source.window(probabilities=HAPPY)
    source.recommendation(songs=[song(n) for n in range(1, 6)])
    source.face(probabilities=SAD)

    system.eventually(lambda: text(browser, "#mood") == "Happiness", "the window's mood")
    assert "82 %" in text(browser, "#mood-lead")
    assert texts(browser, ".song-title") == [f"Song {n}" for n in range(1, 6)]
    assert texts(browser, ".song-score")[0].startswith("0.94")
    source.face(probabilities=SAD)
    system.eventually(
        lambda: "66 %" in texts(browser, ".bar-value"), "the bars show the face of this moment"
    )
    system.eventually(lambda: "closes in" in text(browser, "#window-left"), "the window fills")
    system.eventually(
        lambda: "fer (2)" in " ".join(texts(browser, ".service")), "the services are named"
    )
    system.eventually(lambda: not text(browser, "#notice"), "nothing is missing")

    browser.find_element(By.CSS_SELECTOR, ".song:nth-child(2) .play").send_keys(Keys.ENTER)
    played = "return document.getElementById('audio').currentTime"
    system.eventually(lambda: float(browser.execute_script(played)) > 0, "the song plays")
    assert text(browser, "#player-title") == "Song 2"
    browser.find_element(By.ID, "next").click()
    system.eventually(lambda: text(browser, "#player-title") == "Song 3", "the next song plays")
    take_pictures(browser, "playing")

    source.window(hold=HoldReason.NOBODY)
    source.recommendation(hold=HoldReason.NOBODY)
    system.eventually(lambda: text(browser, "#mood") == "Nobody here", "the hold is in plain words")
    assert len(texts(browser, ".song-title")) == 5
    system.eventually(lambda: len(texts(browser, "#history > li")) == 2, "both are in the history")
    assert complaints(browser) == []


def test_a_mood_button_asks_and_the_answer_stays_until_the_camera_is_followed_again(
    system: System, browser: Chrome
) -> None:
    gateway = system.start()
    source = system.source()
    source.recommendation(songs=[song(1, "From the camera")])
    system.answer_requests(
        lambda answering, request: answering.recommendation(
            "manual", request=request.id, songs=[song(2, f"For {request.mood}")]
        )
    )
    browser.get(gateway.url)
    system.eventually(lambda: texts(browser, ".song-title") == ["From the camera"], "songs")

    calm = browser.find_element(By.CSS_SELECTOR, "[data-mood=calm]")
    calm.send_keys(Keys.SPACE)
    system.eventually(lambda: texts(browser, ".song-title") == ["For calm"], "the answer")
    assert calm.get_attribute("aria-pressed") == "true"
    source.recommendation(songs=[song(3, "Later from the camera")])
    system.eventually(lambda: len(texts(browser, "#history > li")) == 3, "it is in the history")
    assert texts(browser, ".song-title") == ["For calm"]
    take_pictures(browser, "asked")

    calm.send_keys(Keys.SPACE)
    system.eventually(
        lambda: texts(browser, ".song-title") == ["Later from the camera"], "the camera's songs"
    )
    assert complaints(browser) == []


def test_a_lost_connection_is_shown_and_mended_without_a_reload(
    system: System, browser: Chrome
) -> None:
    gateway = system.start()
    source = system.source()
    source.recommendation(songs=[song(1, "Before")])
    browser.get(gateway.url)
    system.eventually(lambda: texts(browser, ".song-title") == ["Before"], "songs")
    port = int(gateway.url.rpartition(":")[2])

    system.stop_gateway()
    system.eventually(lambda: "lost" in text(browser, "#connection"), "the loss is shown")
    take_pictures(browser, "lost")
    source.recommendation(songs=[song(2, "While it was away")])
    system.start_gateway(port=port)

    system.eventually(lambda: text(browser, "#connection") == "live", "the page is back")
    system.eventually(lambda: texts(browser, ".song-title") == ["While it was away"], "new songs")
    system.eventually(lambda: len(texts(browser, "#history > li")) == 2, "each once")


def test_a_title_with_markup_stays_text(system: System, browser: Chrome) -> None:
    gateway = system.start()
    title = "<img src=x onerror=document.title='owned'> & \"more\""
    system.source().recommendation(songs=[song(1, title)])
    browser.get(gateway.url)

    system.eventually(lambda: texts(browser, ".song-title") == [title], "the title as it is")
    assert browser.title == "Moodcue"
    assert browser.find_elements(By.CSS_SELECTOR, "#song-list img") == []


def test_no_part_of_the_page_is_wider_than_a_phone(system: System, browser: Chrome) -> None:
    gateway = system.start()
    system.source().recommendation(songs=[song(1, "Averyveryverylongtitle" * 8)])
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(gateway.url)
    system.eventually(lambda: len(texts(browser, ".song-title")) == 1, "the song")

    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360


def test_the_interface_is_described_without_help_from_elsewhere(
    system: System, browser: Chrome
) -> None:
    gateway = system.start()
    browser.get(f"{gateway.url}/docs")

    system.eventually(
        lambda: "POST /v1/recommend" in texts(browser, ".docs h3"), "the operations are listed"
    )
    take_pictures(browser, "docs")
    assert complaints(browser) == []
