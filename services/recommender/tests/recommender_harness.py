"""Windows, requests and what is kept, for the tests of the recommender."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moodcue.events import EmotionWindow, Recommendation, RecommendationRequest
from moodcue.identity import new_id, new_trace
from moodcue.taxonomy import vector_from_mapping
from moodcue_recommender.answerer import Answerer
from moodcue_recommender.database import Database
from moodcue_recommender.index import IndexFollower
from moodcue_recommender.log import RecommendationLog
from moodcue_recommender.settings import RecommenderSettings
from moodcue_recommender.wishes import Rules

HAPPY = vector_from_mapping({"happiness": 0.8, "neutral": 0.2})
SAD = vector_from_mapping({"sadness": 0.8, "neutral": 0.2})
RULES = RecommenderSettings().rules()


def window(**changes: Any) -> EmotionWindow:
    fields: dict[str, Any] = {
        "id": new_id(),
        "source": "aggregator/one",
        "seq": 1,
        "time": 15,
        "trace": new_trace(),
        "camera": "kitchen",
        "start": 0,
        "end": 15,
        "frames_expected": 75,
        "frames_seen": 75,
        "frames_with_face": 70,
        "coverage": 0.9,
        "confidence": 0.7,
        "probabilities": HAPPY,
    }
    return EmotionWindow(**{**fields, **changes})


def request(**wish: Any) -> RecommendationRequest:
    fields: dict[str, Any] = {
        "id": new_id(),
        "source": "gateway/one",
        "seq": 1,
        "time": 99,
        "trace": new_trace(),
        "camera": "kitchen",
    }
    return RecommendationRequest(**{**fields, **wish})


class CommittedLog(RecommendationLog):
    """A log for tests that keep nothing beside it."""

    def append(self, event: Recommendation) -> int:
        with self._connection:
            return super().append(event)


@contextmanager
def opened_log(
    folder: Path, *, source: str = "recommender/one", keep: int = 10_000
) -> Iterator[CommittedLog]:
    with Database(folder) as database:
        yield CommittedLog(database, source=source, keep=keep)


@contextmanager
def opened_answerer(folder: Path, *, rules: Rules = RULES) -> Iterator[Answerer]:
    """Open an answerer as the service does, on the index and state in a folder."""
    index = IndexFollower(folder / "index")
    index.check()
    with Database(folder / "state") as database:
        log = RecommendationLog(database, source="recommender/one")
        numbers = Counter(log.last_numbers())

        def next_seq(topic: str) -> int:
            camera = topic.split("/")[1]
            numbers[camera] += 1
            return numbers[camera]

        yield Answerer(
            index=index,
            database=database,
            log=log,
            next_seq=next_seq,
            rules=rules,
        )
