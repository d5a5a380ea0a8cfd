"""The page while music plays and people press keys, and things go wrong meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_harness import Source, System, song, write_index, write_tone
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from page_browser import chromium, text, texts
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

pytestmark = pytest.mark.browser

FOCUSED = """
    const one = document.activeElement;
    return [one.className || one.tagName, one.closest("li")?.dataset.title ?? ""];
"""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    with chromium(tmp_path / "profile") as driver:
        yield driver


def start(system: System, browser: Chrome, *, stale_seconds: float = 120) -> Source:
    gateway = system.start(stale_seconds=stale_seconds)
    source = system.source()
    for service in ("camera", "aggregator", "recommender", "fer"):
        source.status(service)
    browser.get(gateway.url)
    system.eventually(lambda: text(browser, "#connection") == "live", "the page is connected")
    return source


def shown(browser: Chrome, *titles: str) -> bool:
    return texts(browser, ".song-title") == list(titles)


def sounding(browser: Chrome) -> bool:
    script = "return [...document.querySelectorAll('audio')].some((d) => d.currentTime > 0)"
    return bool(browser.execute_script(script))


def test_a_song_whose_file_is_gone_is_named_and_the_next_one_plays(
    system: System, browser: Chrome, tmp_path: Path
) -> None:
    music = write_index(tmp_path, ["song1.wav", "song2.wav"])
    write_tone(music / "song2.wav", seconds=13)
    source = start(system, browser)
    source.recommendation(songs=[song(1), song(2)])
    system.eventually(lambda: shown(browser, "Song 1", "Song 2"), "songs")

    browser.find_element(By.CSS_SELECTOR, ".song .play").click()

    system.eventually(lambda: text(browser, "#player-title") == "Song 2", "the other one plays")
    system.eventually(lambda: sounding(browser), "it is heard")
    assert "“Song 1” cannot be played" in text(browser, "#player-problem")


def test_music_that_fell_silent_goes_on_with_the_next_songs(
    system: System, browser: Chrome, tmp_path: Path
) -> None:
    music = write_index(tmp_path, ["song1.wav", "song2.wav", "song3.wav"])
    write_tone(music / "song3.wav", seconds=13)
    source = start(system, browser)
    source.recommendation(songs=[song(1), song(2)])
    system.eventually(lambda: shown(browser, "Song 1", "Song 2"), "songs")
    browser.find_element(By.CSS_SELECTOR, ".song .play").click()
    system.eventually(lambda: "“Song 2” cannot" in text(browser, "#player-problem"), "both fail")

    source.recommendation(songs=[song(1), song(3)])

    system.eventually(lambda: text(browser, "#player-title") == "Song 3", "it goes on")
    system.eventually(lambda: sounding(browser), "it is heard")
