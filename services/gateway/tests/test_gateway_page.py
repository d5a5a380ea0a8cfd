"""The real page in a real browser, fed over the bus."""

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
from page_browser import chromium, complaints, take_pictures, text, texts
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from moodcue.events import HoldReason

pytestmark = pytest.mark.browser


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    with chromium(tmp_path / "profile") as driver:
        yield driver


def start_everything(source: Source) -> None:
    for service in ("camera", "aggregator", "recommender"):
        source.status(service)
    for instance in ("one", "two"):
        source.status("fer", instance=instance)


def playing(browser: Chrome) -> float:
    """Return how far the song that sounds has come, in seconds; 0 for none."""
    script = """
        const decks = [...document.querySelectorAll("audio")];
        return decks.find((deck) => !deck.paused)?.currentTime ?? 0;
    """
    return float(browser.execute_script(script))


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
    system.eventually(lambda: "make demo" in text(browser, "#next-step"), "it says what is missing")
    take_pictures(browser, "empty")

    start_everything(source)
    source.window(probabilities=HAPPY)
    source.recommendation(songs=[song(n) for n in range(1, 6)])
    source.face(probabilities=SAD)

    system.eventually(lambda: text(browser, "#mood") == "Happiness", "the window's mood")
    assert "82%" in text(browser, "#mood-lead")
    assert texts(browser, ".song-title") == [f"Song {n}" for n in range(1, 6)]
    source.face(probabilities=SAD)
    system.eventually(
        lambda: "66%" in texts(browser, ".bar-value"), "the bars show the face of this moment"
    )
    filled = "return Number(document.getElementById('ring').getAttribute('aria-valuenow'))"
    system.eventually(lambda: browser.execute_script(filled) > 0, "the window fills")
    system.eventually(lambda: not text(browser, "#next-step"), "nothing is missing")

    browser.find_element(By.CSS_SELECTOR, ".song:nth-child(2) .play").send_keys(Keys.ENTER)
    system.eventually(lambda: playing(browser) > 0, "the song plays")
    assert text(browser, "#player-title") == "Song 2"
    browser.find_element(By.ID, "player-skip").click()
    system.eventually(lambda: text(browser, "#player-title") == "Song 1", "the next song plays")
    take_pictures(browser, "playing")

    source.window(hold=HoldReason.NOBODY)
    source.recommendation(hold=HoldReason.NOBODY)
    system.eventually(lambda: text(browser, "#mood") == "Nobody here", "the hold is in plain words")
    assert len(texts(browser, ".song-title")) == 5
    system.eventually(lambda: len(texts(browser, "#history > li")) == 2, "both are in the history")
    assert complaints(browser) == []


def test_a_mood_button_asks_and_the_answer_stays_until_the_camera_is_followed_again(
    system: System, browser: Chrome, tmp_path: Path
) -> None:
    write_index(tmp_path, [f"song{n}.wav" for n in range(1, 4)])
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
    assert browser.find_elements(By.CSS_SELECTOR, ".song-title img") == []


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
    system.eventually(
        lambda: "recommendation/{camera}/" in texts(browser, ".docs h3"), "so are the channels"
    )
    take_pictures(browser, "docs")
    assert complaints(browser) == []
