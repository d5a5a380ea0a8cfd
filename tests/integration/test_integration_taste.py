"""What a listener says of songs on the page reorders later answers; all but the faces is real."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_harness import System
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from page_browser import chromium, complaints, take_pictures, text, texts
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from service_process import ServiceProcess

from moodcue_recommender.sample_library import make_song, write_library

pytestmark = pytest.mark.browser

# Five songs fit a happy face, each a little less than the one before; one does not.
HAPPY_SONGS = {f"Song {name}": 0.80 - 0.01 * place for place, name in enumerate("ABCDE")}
SPARE = "Song of the middle"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    with chromium(tmp_path / "profile") as driver:
        yield driver


@pytest.fixture(name="page")
def open_page(system: System, browser: Chrome, tmp_path: Path) -> Iterator[Chrome]:
    """The page of a gateway with a real recommender behind it."""
    songs = [make_song(name, place, place) for name, place in HAPPY_SONGS.items()]
    write_library(tmp_path / "index", [*songs, make_song(SPARE, 0.1, 0.1)], generation="g1")
    gateway = system.start(stale_seconds=120)
    recommender = ServiceProcess(
        "moodcue_recommender",
        "run",
        environment={
            "MOODCUE_BUS_PORT": str(system.address.port),
            "MOODCUE_RECOMMENDER_INDEX_DIR": str(tmp_path / "index"),
            "MOODCUE_RECOMMENDER_STATE_DIR": str(tmp_path / "state"),
        },
        errors=tmp_path / "recommender.log",
    )
    browser.get(gateway.url)
    system.eventually(lambda: text(browser, "#connection") == "live", "the page is connected")
    system.eventually(
        lambda: gateway.client.get("/readyz").status_code == 200, "the recommender is there"
    )
    yield browser
    recommender.kill()


def titles(page: Chrome) -> list[str]:
    return texts(page, "#song-list .song-title")


def row(title: str) -> str:
    """Return a selector of a song's row."""
    return f'#song-list .song[data-title="{title}"]'


def press(page: Chrome, selector: str) -> None:
    # By a script: the list may be drawn anew between looking and clicking.
    page.execute_script("document.querySelector(arguments[0]).click()", selector)


def dislike(page: Chrome, title: str) -> None:
    press(page, f"{row(title)} .song-words button:first-child")


def taught(page: Chrome) -> list[str]:
    rows = "return [...document.querySelectorAll('#taste > li')].map((row) => row.textContent)"
    return [str(one) for one in page.execute_script(rows)]


def answers(page: Chrome) -> int:
    return len(texts(page, "#history > li"))


def next_answer(system: System, page: Chrome) -> list[str]:
    """Let one more happy window close and return the titles of its answer."""
    before = answers(page)
    system.source("aggregator/one").window()
    system.eventually(lambda: answers(page) == before + 1, "the window is answered")
    return titles(page)


def test_a_like_and_a_dislike_reorder_later_answers_and_a_reset_puts_them_back(
    system: System, page: Chrome
) -> None:
    a, b, c, d, e = HAPPY_SONGS
    assert next_answer(system, page) == [a, b, c, d, e]
    assert next_answer(system, page) == [a, b, c, d, e]

    press(page, f"{row(d)} .like")
    system.eventually(lambda: titles(page) == [d, a, b, c, e], "the liked song rises at once")
    dislike(page, a)
    system.eventually(lambda: titles(page) == [d, b, c, e, SPARE], "the disliked one is gone")

    assert next_answer(system, page) == [d, b, c, e, SPARE]
    assert "Feedback moves it up: liked to 67%" in text(page, f"{row(d)} .song-reason")
    press(page, f"{row(d)} summary")
    details = text(page, f"{row(d)} .reasons")
    assert "Moved by\nthis room's taste" in details
    assert "Liking of this room\n67% (probably " in details
    assert not any("Feedback" in words for words in texts(page, f"{row(b)} .song-reason"))
    take_pictures(page, "taste")
    page.find_element(By.CSS_SELECTOR, '.nav a[href="#library"]').click()
    system.eventually(lambda: len(taught(page)) == 4, "two songs and their artists are listed")
    (disliked,) = [words for words in taught(page) if words.startswith(f"33%{a}")]
    assert "stays away until" in disliked

    page.find_element(By.ID, "taste-delete").click()
    system.eventually(lambda: taught(page) == [], "the taste is forgotten")
    page.find_element(By.CSS_SELECTOR, '.nav a[href="#now"]').click()
    assert next_answer(system, page) == [a, b, c, d, e]
    liked = f"{row(d)} .like"
    assert page.find_element(By.CSS_SELECTOR, liked).get_attribute("aria-pressed") == "false"
    assert complaints(page) == []


def test_a_word_on_a_song_of_a_mood_asked_by_hand_acts_on_that_list(
    system: System, page: Chrome
) -> None:
    a, b, c, d, e = HAPPY_SONGS
    press(page, "[data-mood=happy]")
    system.eventually(lambda: titles(page) == [a, b, c, d, e], "the songs of the mood")

    dislike(page, a)
    system.eventually(lambda: titles(page) == [b, c, d, e, SPARE], "the song gives way")
    assert "Happy" in text(page, "#songs-title")


def test_what_a_room_likes_is_shown_after_a_reload(system: System, page: Chrome) -> None:
    _, _, _, d, _ = HAPPY_SONGS
    next_answer(system, page)
    press(page, f"{row(d)} .like")
    system.eventually(lambda: titles(page)[0] == d, "the liked song rises")

    page.refresh()
    like = f"{row(d)} .like.icon-liked"
    system.eventually(lambda: page.find_elements(By.CSS_SELECTOR, like), "its heart is full")
