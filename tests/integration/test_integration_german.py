"""The page says in both languages all that an event tells; in German, no English is left."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_harness import HAPPY, Source, System, song, write_index
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from msgspec.structs import replace
from page_browser import chromium, complaints, take_pictures, text, texts, words_of
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from moodcue.events import (
    FaceProblem,
    Guidance,
    HoldReason,
    Liking,
    Mode,
    OptedOut,
    ServiceState,
    SongMatch,
    TasteEntry,
    TasteSubject,
    TrackEmotion,
)
from moodcue.songs import UNKNOWN_ARTIST
from moodcue.taxonomy import EMOTIONS
from moodcue_recommender.reasons import least_change, reason_for, what_would_change
from moodcue_recommender.rules import Rule

pytestmark = pytest.mark.browser

TARGET = (0.9, -0.4)
LIKING = Liking(mean=0.67, low=0.22, high=0.97)
GERMAN = words_of("de")


def words(sentences: list[str]) -> set[str]:
    """Return the words of sentences, in lower case."""
    return {word for one in sentences for word in re.findall(r"[^\W\d_]+", one.lower())}


ENGLISH = words(list(words_of("en").values())) - words(list(GERMAN.values()))
"""Words that the page has in English only."""

SAID = """
    const skipped = 'script, style, noscript, [lang="en"], .service-name';
    const found = [];
    for (const one of document.body.querySelectorAll("*")) {
      if (!one.checkVisibility() || one.closest(skipped)) {
        continue;
      }
      for (const name of ["aria-label", "title", "placeholder", "alt", "aria-valuetext"]) {
        found.push(one.getAttribute(name) ?? "");
      }
      found.push(...[...one.childNodes].filter((node) => node.nodeType === 3)
        .map((node) => node.textContent));
    }
    return found.map((words) => words.trim()).filter(Boolean);
"""


def english_on(page: Chrome) -> dict[str, set[str]]:
    """Return what is to be read or heard on the page with English words in it."""
    said: list[str] = page.execute_script(SAID)
    assert len(said) > 20
    return {one: found for one in said if (found := words([one]) & ENGLISH)}


def matches() -> list[SongMatch]:
    """Make a song for everything that a reason can say but feedback."""
    cases: list[dict[str, object]] = [
        {"score": score, "contributions": shares}
        for score in (0.9, 0.5, 0.2, -0.3)
        for shares in ({"happiness": 0.7, "neutral": 0.2}, {"neutral": 0.4, "fear": 0.01}, {})
    ]
    cases += [{"contributions": {name: 0.6}} for name in EMOTIONS]
    cases += [{"valence": v, "arousal": a} for v, a in ((0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5))]
    cases += [{"moved_by": rule.value} for rule in Rule]
    cases += [{"repeated": True}, {"repeated": True, "moved_by": Rule.MEMORY.value}]
    return [
        explained(replace(song(number, f"Lied {number}"), artist=f"Kapelle {number}", **case))
        for number, case in enumerate(cases, start=1)
    ]


def explained(match: SongMatch) -> SongMatch:
    """Give a song the sentence of the recommender."""
    reason = reason_for(
        score=match.score,
        shares=match.contributions,
        song=(match.valence, match.arousal),
        target=TARGET,
        moved_by=Rule(match.moved_by) if match.moved_by else None,
        repeated=match.repeated,
    )
    return replace(match, reason=reason)


@pytest.fixture(name="german")
def german_browser(tmp_path: Path) -> Iterator[Chrome]:
    with chromium(tmp_path / "german", language="de") as driver:
        yield driver


def start(system: System, page: Chrome, folder: Path) -> Source:
    """Open the page of a system in which all services are there."""
    songs = [f"lied{number}.wav" for number in range(1, 51)]
    write_index(folder, songs, names=("Lied", "Kapelle"))
    gateway = system.start(stale_seconds=120, answer_timeout_seconds=0.3)
    source = system.source()
    for service in ("camera", "aggregator", "recommender", "fer"):
        source.status(service, instance="eins")
    page.get(gateway.url)
    system.eventually(
        lambda: page.find_element(By.ID, "connection").get_attribute("data-state") == "live",
        "the page is connected",
    )
    return source


def await_text(system: System, page: Chrome, selector: str, said: str) -> None:
    """Wait until an element says something."""
    system.eventually(lambda: text(page, selector) == said, said)


def show_view(page: Chrome, view: str) -> None:
    page.execute_script("location.hash = arguments[0]", view)


def test_the_sentences_of_the_page_are_those_of_the_recommender(
    system: System, tmp_path: Path
) -> None:
    songs = matches()
    changes = [least_change([0.05 + 0.9 * (at == n) for at in range(7)]) for n in range(7)]
    with chromium(tmp_path / "profile") as page:
        source = start(system, page, tmp_path)
        source.recommendation(songs=songs, target=TARGET)
        system.eventually(
            lambda: texts(page, ".song-reason") == [one.reason for one in songs], "all reasons"
        )
        for change in changes:
            source.recommendation(songs=songs[:1], target=TARGET, least_change=change)
            await_text(system, page, "#would-change", what_would_change(change))
        assert complaints(page) == []


def test_every_reason_is_told_in_german(system: System, german: Chrome, tmp_path: Path) -> None:
    songs = matches()
    taught = [
        replace(song(49 + at, f"Lied {49 + at}"), artist=UNKNOWN_ARTIST, moved_by="taste")
        for at in range(2)
    ]
    liked = replace(taught[0], liking=LIKING)
    disliked = replace(taught[1], liking=replace(LIKING, mean=0.33))
    source = start(system, german, tmp_path)
    change = least_change(HAPPY)
    source.recommendation(songs=[*songs, liked, disliked], target=TARGET, least_change=change)
    system.eventually(lambda: len(texts(german, ".song-reason")) == len(songs) + 2, "all songs")
    german.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true })")

    assert english_on(german) == {}
    reasons = texts(german, ".song-reason")
    first = "Passt sehr gut: fröhliche Musik zu Freude (78\N{NO-BREAK SPACE}% der Passung)"
    assert reasons[0] == f"{first} und einem neutralen Gesicht (22\N{NO-BREAK SPACE}%)."
    assert "Rückmeldungen rücken es nach oben" in reasons[-2]
    assert "Rückmeldungen rücken es nach unten" in reasons[-1]
    assert len(set(reasons)) > 20
    assert "käme" in text(german, "#would-change")
    assert texts(german, ".song-artist")[-1] == GERMAN["artist.unknown"]
    take_pictures(german, "german-reasons")
    assert complaints(german) == []


def test_every_hold_face_and_mode_is_told_in_german(
    system: System, german: Chrome, tmp_path: Path
) -> None:
    source = start(system, german, tmp_path)
    for reason in HoldReason:
        source.window(hold=reason)
        source.recommendation(hold=reason, detail="the library is not there")
        await_text(system, german, "#mood", GERMAN[f"hold.{reason}"])
        assert text(german, "#mood-lead").startswith(GERMAN[f"hold.{reason}.text"])
        assert english_on(german) == {}
    for problem in FaceProblem:
        source.face(problem=problem)
        await_text(system, german, "#face", GERMAN[f"face.{problem}"])
    followed = GERMAN["mode.followed.other"].format(followed=5, count=9)
    for mode in Mode:
        guidance = Guidance(steps=9, followed=5, not_followed=4)
        source.recommendation(songs=matches()[:1], mode=mode, guidance=guidance)
        promise = "" if mode is Mode.MATCH else GERMAN[f"mode.{mode}.text"]
        await_text(system, german, "#modes-note", f"{promise} {followed}".strip())
        assert english_on(german) == {}
    track = TrackEmotion(track=1, probabilities=HAPPY, frames=9, weight=1.0, box=(0, 0, 9, 9))
    source.window(tracks=(track,), opted_out=(OptedOut(track=2, box=(0, 0, 9, 9)),))
    await_text(system, german, "#mood", GERMAN["emotion.happiness"])
    german.find_element(By.ID, "people-title").click()
    assert len(texts(german, "#people-list > li")) == 2
    assert english_on(german) == {}
    show_view(german, "library")
    system.eventually(lambda: len(texts(german, "#history > li")) == 13, "all are in the history")
    assert english_on(german) == {}
    assert complaints(german) == []


def test_what_is_missing_or_fails_is_told_in_german(system: System, german: Chrome) -> None:
    gateway = system.start(stale_seconds=120, answer_timeout_seconds=0.3)
    german.get(gateway.url)
    await_text(system, german, "#next-step-title", GERMAN["next.start"])
    assert english_on(german) == {}
    german.find_element(By.CSS_SELECTOR, "[data-mood=calm]").click()
    await_text(system, german, "#moods-note", GERMAN["problem.504"])

    source = start_again(system, german)
    for view in ("now", "library", "system"):
        show_view(german, view)
        assert english_on(german) == {}
    drops = "1 zu alt, 2 für ein neueres, 3 mit einem verlorenen Leser und 4 von zu vielen Kameras"
    system.eventually(lambda: drops in text(german, "#figures"), "the figures are there")
    assert english_on(german) == {}
    assert f"recommender meldet: „{GERMAN['nothing']}“" in text(german, "#verdict-text")
    entry = TasteEntry(
        subject=TasteSubject.SONG,
        title="Lied 1",
        artist=UNKNOWN_ARTIST,
        liking=LIKING,
        excluded_until=2**62,
    )
    source.window()
    source.taste(entries=[entry, replace(entry, excluded_until=0)])
    show_view(german, "library")
    system.eventually(lambda: len(texts(german, "#taste > li")) == 2, "the taste")
    assert english_on(german) == {}
    german.find_element(By.ID, "taste-delete").click()
    await_text(system, german, "#taste-empty", GERMAN["problem.504"])
    system.stop_gateway()
    german.find_element(By.ID, "taste-delete").click()
    await_text(system, german, "#taste-empty", GERMAN["problem.gateway"])
    assert english_on(german) == {}


def start_again(system: System, page: Chrome) -> Source:
    """Let all services be there, one of them with a trouble of its own, and frames be dropped."""
    source = system.source()
    for service in ("camera", "aggregator", "fer"):
        source.status(service, instance="eins")
    source.status(
        "recommender", instance="eins", state=ServiceState.DEGRADED, detail=GERMAN["nothing"]
    )
    drops = {"too_old": 1, "replaced": 2, "worker_lost": 3, "too_many_cameras": 4}
    counters = {f"frames_dropped_{reason}": float(count) for reason, count in drops.items()}
    source.status("broker", instance="eins", counters={"frames_dropped": 10, **counters})
    await_text(system, page, "#next-step-title", GERMAN["next.library"])
    return source
