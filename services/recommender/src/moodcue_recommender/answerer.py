"""Answers each question once: the library, what is kept, and the numbers brought together."""

import sqlite3
from collections.abc import Callable

import structlog

from moodcue.health import Problem
from moodcue.identity import new_id
from moodcue.topics import Family, topic
from moodcue_recommender.answers import Answer, Memory, Stamp, answer
from moodcue_recommender.database import Database
from moodcue_recommender.history import Histories
from moodcue_recommender.index import IndexFollower
from moodcue_recommender.log import RecommendationLog
from moodcue_recommender.memory import RoomStore, TasteStore
from moodcue_recommender.wishes import Question, Rules

_log = structlog.get_logger(__name__)


class Answerer:
    """Answers windows and requests, each once, also over a restart.

    Args:
        index: gives the library of the moment.
        database: to keep rooms and tastes in.
        log: of what was answered, in the same database.
        next_seq: takes the next sequence number of a topic.
        rules: how questions are answered.
        remembered_songs: of each camera of which it is known when and how often they came.

    Attributes:
        tastes: of all rooms.
        log_problem: why the last answer could not be kept, if it could not.
    """

    def __init__(
        self,
        *,
        index: IndexFollower,
        database: Database,
        log: RecommendationLog,
        next_seq: Callable[[str], int],
        rules: Rules,
        remembered_songs: int = 10_000,
    ) -> None:
        self.tastes = TasteStore(database)
        self.log_problem: Problem = None
        self._index = index
        self._connection = database.connection
        self._log = log
        self._rooms = RoomStore(database, keep=log.keep)
        self._next_seq = next_seq
        self._rules = rules
        self._histories = Histories(log.recent_songs, length=remembered_songs)

    def answer(self, question: Question) -> Answer | None:
        """Answer a question and keep the answer; None if it has been answered before."""
        if self._log.has_answered(question.id):
            return None
        camera = question.camera
        history = self._histories.of(camera)
        memory = Memory(history, self._rooms.of(camera), self.tastes.of(camera))
        made = answer(
            question,
            stamp=Stamp(new_id(), self._log.source, self._next_seq(topic_of(camera))),
            library=self._index.library,
            memory=memory,
            rules=self._rules,
        )
        before = memory.room.songs if made.meaning.again else ()
        songs = [int(song.song, 16) for song in made.recommendation.songs]
        history.add([song for song in songs if song not in before])
        self._keep(camera, made)
        return made

    def _keep(self, camera: str, made: Answer) -> None:
        try:
            # All or nothing: a room that is a window ahead of the log would count it twice.
            with self._connection:
                number = self._log.append(made.recommendation)
                self._rooms.put(camera, made.room, number=number)
                if made.meaning.told is not None:
                    self.tastes.put(camera, made.meaning.told)
                if made.meaning.forget:
                    self.tastes.forget(camera)
            self.log_problem = None
        except sqlite3.Error as error:
            # A listener still gets songs when the disk is full.
            self.log_problem = f"the log of recommendations cannot be written: {error}"
            _log.exception("recommendation.unlogged", id=made.recommendation.id)


def topic_of(camera: str) -> str:
    """Return the topic of a camera's recommendations."""
    return topic(Family.RECOMMENDATION, camera)
