import csv

from gateway_harness import Source, System
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest

from moodcue.events import (
    HoldReason,
    Liking,
    RecommendationRequest,
    TasteEntry,
    TasteSubject,
)

LIKED = TasteEntry(
    subject=TasteSubject.SONG,
    song="00000000000000ab",
    title='Quay, "live"',
    artist="The Composer",
    liking=Liking(mean=0.75, low=0.4, high=0.98),
    likes=2,
)


def test_the_taste_of_a_room_is_what_the_recommender_said_last(system: System) -> None:
    gateway = system.start()
    source = system.source()
    source.taste("sofa")
    source.taste("desk", entries=[LIKED])

    def known() -> object:
        return gateway.client.get("/v1/taste?camera=desk").json()["entries"]

    system.eventually(known, "the taste is there")

    assert known() == [
        {
            "subject": "song",
            "song": "00000000000000ab",
            "title": 'Quay, "live"',
            "artist": "The Composer",
            "liking": {"mean": 0.75, "low": 0.4, "high": 0.98},
            "likes": 2,
            "dislikes": 0,
            "skips": 0,
            "played": 0,
            "excluded_until": 0,
        }
    ]
    assert gateway.client.get("/v1/taste?camera=sofa").json()["entries"] == []


def test_the_taste_comes_as_a_table_that_a_spreadsheet_reads(system: System) -> None:
    gateway = system.start()
    system.source().taste("desk", entries=[LIKED])

    def rows() -> list[dict[str, str]]:
        answer = gateway.client.get("/v1/taste.csv?camera=desk")
        assert answer.headers["content-type"].startswith("text/csv")
        return list(csv.DictReader(answer.text.splitlines()))

    system.eventually(rows, "the taste is there")

    (row,) = rows()
    assert (row["title"], row["likes"], row["low"]) == ('Quay, "live"', "2", "0.4")


def test_a_taste_is_forgotten_by_the_recommender(system: System) -> None:
    gateway = system.start()
    asked: list[RecommendationRequest] = []

    def answer(source: Source, request: RecommendationRequest) -> None:
        asked.append(request)
        source.recommendation(request.camera, request=request.id, hold=HoldReason.NOBODY)

    system.answer_requests(answer)

    assert gateway.client.delete("/v1/taste?camera=sofa").status_code == 204
    assert [(one.camera, one.reset_taste) for one in asked] == [("sofa", True)]
