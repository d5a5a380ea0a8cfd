"""Answers each question once: the library, the log and the numbers brought together."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from moodcue.health import Problem
from moodcue.identity import new_id
from moodcue.topics import Family, topic
from moodcue_recommender.answers import Answer, Question, Stamp, answer
from moodcue_recommender.index import IndexFollower
from moodcue_recommender.log import RecommendationLog

_log = structlog.get_logger(__name__)


@dataclass
class Answerer:
    """Answers windows and requests, each once, also over a restart.

    Attributes:
        index: gives the library of the moment.
        log: of what was answered.
        next_seq: takes the next sequence number of a topic.
        songs: how many a window gets.
        repeat_memory: how many songs must pass before one comes again.
        log_problem: why the last answer could not be kept, if it could not.
    """

    index: IndexFollower
    log: RecommendationLog
    next_seq: Callable[[str], int]
    songs: int
    repeat_memory: int
    log_problem: Problem = None

    def answer(self, question: Question) -> Answer | None:
        """Answer a question and keep the answer; None if it has been answered before."""
        if self.log.has_answered(question.id):
            return None
        made = answer(
            question,
            stamp=Stamp(new_id(), self.log.source, self.next_seq(topic_of(question.camera))),
            library=self.index.library,
            recent=self.log.recent_songs(question.camera, self.repeat_memory),
            count=self.songs,
        )
        self._keep(made)
        return made

    def _keep(self, made: Answer) -> None:
        try:
            self.log.append(made.recommendation)
            self.log_problem = None
        except sqlite3.Error as error:
            # A listener still gets songs when the disk is full.
            self.log_problem = f"the log of recommendations cannot be written: {error}"
            _log.exception("recommendation.unlogged", id=made.recommendation.id)


def topic_of(camera: str) -> str:
    """Return the topic of a camera's recommendations."""
    return topic(Family.RECOMMENDATION, camera)
