"""The page while music plays and people press keys, and things go wrong meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_harness import HAPPY, Source, System, song, write_index, write_tone
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from page_browser import chromium, text, texts
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from moodcue.events import HoldReason, Mode, OptedOut

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


def test_a_page_of_which_a_part_did_not_arrive_loads_it_again(
    system: System, browser: Chrome
) -> None:
    gateway = system.start()
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/static/ring.js"]})
    browser.get(gateway.url)
    tried = "return sessionStorage.getItem('tried')"
    system.eventually(lambda: browser.execute_script(tried) == "1", "it has failed once")
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})

    system.eventually(lambda: texts(browser, "#connection") == ["live"], "it works")
    assert browser.execute_script(tried) is None


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


def test_the_keyboard_stays_where_it_is_when_the_songs_are_renewed(
    system: System, browser: Chrome
) -> None:
    source = start(system, browser)
    source.recommendation(songs=[song(1), song(2)])
    system.eventually(lambda: shown(browser, "Song 1", "Song 2"), "songs")
    browser.execute_script("document.querySelectorAll('.song .like')[1].focus()")

    source.recommendation(songs=[song(2), song(3)])
    system.eventually(lambda: shown(browser, "Song 2", "Song 3"), "one stays")
    assert browser.execute_script(FOCUSED) == ["like icon-button", "Song 2"]

    source.recommendation(songs=[song(4), song(5)])
    system.eventually(lambda: shown(browser, "Song 4", "Song 5"), "all are new")
    assert browser.execute_script(FOCUSED) == ["SUMMARY", "Song 4"]


def test_everybody_in_view_left_out_is_not_called_nobody_there(
    system: System, browser: Chrome
) -> None:
    source = start(system, browser)
    out = OptedOut(track=1, box=(1, 2, 3, 4))
    source.window(hold=HoldReason.NOBODY, opted_out=(out,))

    system.eventually(lambda: text(browser, "#mood") == "Nobody to follow", "the headline")
    lead = text(browser, "#mood-lead")
    assert lead == "Everybody in view is left out, so nothing was recommended."


def test_songs_that_lead_away_from_a_mood_say_so(system: System, browser: Chrome) -> None:
    source = start(system, browser)
    source.recommendation(songs=[song(1)], emotion="sadness", mode=Mode.LIFT)
    system.eventually(lambda: shown(browser, "Song 1"), "songs")
    assert text(browser, "#songs-title") == "Songs from Sadness to brighter"

    source.recommendation(songs=[song(2)], emotion="sadness", mode=Mode.HOLD)
    system.eventually(lambda: shown(browser, "Song 2"), "songs")
    assert text(browser, "#songs-title") == "Songs for Sadness"


def test_a_face_in_the_first_window_is_not_waited_for(system: System, browser: Chrome) -> None:
    source = start(system, browser)
    assert text(browser, "#mood") == "Waiting for a face"
    source.face(probabilities=HAPPY)

    system.eventually(lambda: text(browser, "#mood") == "Looking closer", "it has been seen")
    assert "first songs come" in text(browser, "#mood-lead")


def test_songs_of_another_room_are_marked_as_old(system: System, browser: Chrome) -> None:
    source = start(system, browser)
    source.recommendation("desk", songs=[song(1)])
    system.eventually(lambda: shown(browser, "Song 1"), "songs")
    source.face("sofa", probabilities=HAPPY)
    choice = browser.find_element(By.ID, "room-choice")
    system.eventually(choice.is_displayed, "there are two rooms")
    old = "#song-list.song-list-old"
    assert not browser.find_elements(By.CSS_SELECTOR, old)

    Select(choice).select_by_visible_text("sofa")
    assert browser.find_elements(By.CSS_SELECTOR, old)


def test_the_songs_of_today_are_a_playlist_to_take_along(system: System, browser: Chrome) -> None:
    source = start(system, browser)
    browser.execute_script("location.hash = 'library'")
    link = browser.find_element(By.ID, "history-playlist")
    assert not link.is_displayed()
    source.recommendation("desk", songs=[song(1)])

    system.eventually(link.is_displayed, "there is something to take along")
    answer = system.gateway.client.get(str(link.get_attribute("href")))
    assert "Artist 1 - Song 1" in answer.text


def test_a_wish_stands_in_the_history_as_the_music_that_was_wished_for(
    system: System, browser: Chrome
) -> None:
    source = start(system, browser)
    source.recommendation("manual", request="1", emotion="neutral", place=(0.6, -0.7))
    browser.execute_script("location.hash = 'library'")

    system.eventually(
        lambda: texts(browser, "#history .history-mood") == ["Wish: calm music"], "not: neutral"
    )


def test_without_the_broker_nothing_is_said_of_what_only_the_broker_tells(
    system: System, browser: Chrome
) -> None:
    source = start(system, browser, stale_seconds=2)
    source.window(probabilities=HAPPY)
    system.stop_broker()
    system.eventually(
        lambda: "the broker" in text(browser, "#next-step-text"), "the broker is missed"
    )
    system.eventually(lambda: "silent" in text(browser, "#connection"), "and nothing comes")
    assert "recommender" not in text(browser, "#next-step-text")
    browser.execute_script("location.hash = 'system'")
    system.eventually(lambda: "the broker" in text(browser, "#verdict-text"), "also there")
    assert "recommender" not in text(browser, "#verdict-text")
