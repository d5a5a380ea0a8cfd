"""What holds for the whole page: no barriers, two languages, little weight, quick."""

import re
import statistics
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from gateway_harness import HAPPY, Source, System, song, write_index, write_tone
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from outside import missing
from page_browser import STATIC, chromium, complaints, take_pictures, text, texts, words_of
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from moodcue.events import FaceProblem, HoldReason, Mode, RecommendationRequest
from moodcue.taxonomy import EMOTIONS
from moodcue_gateway.system import NEEDED_SERVICES

AXE = Path(__file__).resolve().parents[3] / ".tools" / "node_modules" / "axe-core" / "axe.min.js"
VIEWS = ("now", "library", "system")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    with chromium(tmp_path / "profile") as driver:
        yield driver


def open_playing_page(system: System, browser: Chrome, folder: Path) -> None:
    """Open a page with a mood, songs and a player, as most people see it."""
    music = write_index(folder, [f"song{n}.wav" for n in range(1, 6)])
    for number in range(1, 6):
        write_tone(music / f"song{number}.wav", seconds=90)
    gateway = system.start(stale_seconds=120)
    source = system.source()
    for service in ("camera", "aggregator", "recommender", "fer"):
        source.status(service)
    source.window(probabilities=HAPPY)
    source.recommendation(songs=[song(n) for n in range(1, 6)])
    browser.get(gateway.url)
    system.eventually(lambda: len(texts(browser, ".song-title")) == 5, "the songs")
    browser.find_element(By.CSS_SELECTOR, ".song .play").click()
    browser.find_element(By.CSS_SELECTOR, ".song summary").click()
    system.eventually(lambda: text(browser, "#player-title") != "", "the player")


def show_view(system: System, browser: Chrome, view: str) -> None:
    browser.find_element(By.CSS_SELECTOR, f'.nav a[href="#{view}"]').click()
    system.eventually(
        lambda: browser.find_element(By.CSS_SELECTOR, f"[data-view={view}]").is_displayed(), view
    )


def barriers(browser: Chrome) -> list[str]:
    """Return what axe-core finds, each with the elements that it means."""
    browser.set_script_timeout(60)
    browser.execute_script(AXE.read_text())
    found: list[dict[str, Any]] = browser.execute_async_script(
        "axe.run().then((result) => arguments[0](result.violations))"
    )
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_has_a_barrier_that_axe_core_finds(
    system: System, browser: Chrome, tmp_path: Path, scheme: str
) -> None:
    if not AXE.is_file():
        missing(f"{AXE} is not here; deploy/testing/install-tools.sh fetches it")
    media = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    open_playing_page(system, browser, tmp_path)

    for view in VIEWS:
        show_view(system, browser, view)
        assert barriers(browser) == [], view
    assert complaints(browser) == []


@pytest.mark.browser
def test_the_page_speaks_german_where_the_browser_does_and_switches_without_a_break(
    system: System, tmp_path: Path
) -> None:
    with chromium(tmp_path / "profile", language="de") as browser:
        open_playing_page(system, browser, tmp_path)

        assert text(browser, "#mood") == "Freude"
        assert browser.execute_script("return document.documentElement.lang") == "de"
        assert "fröhliche Musik zu Freude" in text(browser, ".song-reason")
        take_pictures(browser, "german")
        browser.find_element(By.ID, "language").click()
        assert text(browser, "#mood") == "Happiness"
        assert text(browser, ".nav a") == "Now"
        playing = "return [...document.querySelectorAll('audio')].some((deck) => !deck.paused)"
        assert browser.execute_script(playing)

        browser.refresh()
        system.eventually(lambda: text(browser, "#mood") == "Happiness", "the choice is remembered")


@pytest.mark.browser
def test_the_keyboard_alone_reaches_a_mood_on_the_plane(system: System, browser: Chrome) -> None:
    points: list[tuple[float, float] | None] = []
    gateway = system.start()

    def answer(answering: Source, request: RecommendationRequest) -> None:
        points.append(request.point)
        answering.recommendation("manual", request=request.id, songs=[song(1)])

    system.answer_requests(answer)
    browser.get(gateway.url)
    system.eventually(lambda: text(browser, "#connection") == "live", "the page is connected")

    plane = browser.find_element(By.CSS_SELECTOR, "#plane .plane-pick")
    plane.send_keys(Keys.ARROW_RIGHT * 4, Keys.ARROW_DOWN * 2)
    assert plane.get_attribute("aria-label") == "pleasant 0.4, calm 0.2"
    plane.send_keys(Keys.ENTER)

    system.eventually(lambda: texts(browser, ".song-title") == ["Song 1"], "the answer")
    assert points == [(0.4, -0.2)]


@pytest.mark.browser
def test_the_page_weighs_at_most_150_kb_and_paints_at_once(
    system: System, browser: Chrome, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = system.start()
    browser.get(gateway.url)
    system.eventually(lambda: text(browser, "#connection") == "live", "the page is connected")

    sizes: list[float] = browser.execute_script("""
        return [...performance.getEntriesByType("navigation"),
                ...performance.getEntriesByType("resource")].map((one) => one.decodedBodySize);
    """)
    paint = browser.execute_script(
        "return performance.getEntriesByName('first-contentful-paint')[0].startTime"
    )
    with capsys.disabled():
        print(f"\npage: {sum(sizes) / 1000:.0f} kB in {len(sizes)} files, paint {paint:.0f} ms")  # noqa: T201 - a figure to read
    assert len(sizes) > 20
    assert sum(sizes) <= 150_000


def was_seen(browser: Chrome, words: str) -> bool:
    return words in browser.execute_script("return window.seen")


@pytest.mark.browser
def test_a_reading_on_the_bus_is_soon_on_the_page(
    system: System, browser: Chrome, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = system.start()
    source = system.source()
    browser.get(gateway.url)
    system.eventually(lambda: text(browser, "#connection") == "live", "the page is connected")
    browser.execute_script("""
        const value = document.querySelector(".bar[data-emotion=anger] .bar-value");
        window.seen = {};
        new MutationObserver(() => { window.seen[value.textContent] ??= Date.now(); })
          .observe(value, { childList: true, subtree: true, characterData: true });
    """)

    sent: dict[str, float] = {}
    for share in range(10, 60):
        sent[f"{share}%"] = time.time() * 1000
        rest = (1 - share / 100) / 6
        source.face(probabilities=(share / 100, *(rest,) * 6))
        system.eventually(partial(was_seen, browser, f"{share}%"), "it is shown")
    seen: dict[str, float] = browser.execute_script("return window.seen")
    delays = sorted(seen[words] - when for words, when in sent.items())
    with capsys.disabled():
        print(f"\nbus to page: {statistics.median(delays):.0f} ms, slowest {delays[-1]:.0f} ms")  # noqa: T201 - a figure to read
    # What it takes on a busy machine says little; a second would be a fault of the page.
    assert statistics.median(delays) < 1000


def test_both_dictionaries_have_the_same_keys_and_placeholders() -> None:
    english, german = words_of("en"), words_of("de")

    assert list(english) == list(german)
    for key, words in english.items():
        assert set(re.findall(r"{\w+}", words)) == set(re.findall(r"{\w+}", german[key])), key


def test_nothing_in_the_german_dictionary_was_left_in_english() -> None:
    english, german = words_of("en"), words_of("de")
    same = {key for key, words in english.items() if german[key] == words}

    assert same == {"view.system", "emotion.neutral", "people.person", "figure.ms"}


def test_every_key_that_the_page_uses_is_in_the_dictionary() -> None:
    keys = words_of("en")
    plurals = {key.rpartition(".")[0] for key in keys if key.endswith(".other")}
    used: set[str] = set()
    for path in STATIC.iterdir():
        content = path.read_text()
        used |= set(re.findall(r'data-t(?:-\w+)?="([^"]+)"', content))
        used |= set(re.findall(r'\bt\(\s*"([^"]+)"', content))
        used |= set(re.findall(r'counted\(\s*"([^"]+)"', content)) & plurals
        assert set(re.findall(r'counted\(\s*"([^"]+)"', content)) <= plurals, path.name

    assert used - set(keys) - plurals == set()


@pytest.mark.parametrize(
    ("beginning", "words"),
    [
        ("hold", HoldReason),
        ("hold", [f"{reason}.text" for reason in HoldReason]),
        ("face", FaceProblem),
        ("mode", Mode),
        ("mode", [f"{mode}.text" for mode in Mode]),
        ("emotion", EMOTIONS),
        ("missing", NEEDED_SERVICES),
    ],
)
def test_whatever_an_event_can_say_has_words(beginning: str, words: Iterable[str]) -> None:
    assert {f"{beginning}.{word}" for word in words} <= set(words_of("de"))


def test_every_key_of_the_dictionary_is_used() -> None:
    content = "\n".join(
        path.read_text() for path in STATIC.iterdir() if not path.name.startswith("words.")
    )
    beginnings = set(re.findall(r"`([\w.-]+\.)\$\{", content))
    unused = [
        key
        for key in words_of("en")
        if f'"{key}"' not in content
        and f'"{key.rpartition(".")[0]}"' not in content
        and not any(key.startswith(beginning) for beginning in beginnings)
    ]

    assert unused == []
