"""The recommender on the bus: windows and requests in, recommendations out."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import structlog
import zmq

from moodcue.bus import BusAddress, Publisher, Subscriber
from moodcue.codec import Message
from moodcue.errors import BusError, ProtocolError
from moodcue.events import (
    EmotionWindow,
    IndexPublished,
    Recommendation,
    RecommendationRequest,
    ServiceState,
    Status,
)
from moodcue.health import Problem, Work
from moodcue.identity import (
    NS_PER_SECOND,
    Clock,
    system_clock,
)
from moodcue.lifecycle import Heartbeat, Running
from moodcue.link import Link
from moodcue.replay import replay
from moodcue.sequence import SequenceTracker
from moodcue.topics import Family, topic
from moodcue.tracing import Laps, Step, Tracer
from moodcue_recommender.answerer import Answerer, topic_of
from moodcue_recommender.answers import Answer
from moodcue_recommender.index import IndexFollower
from moodcue_recommender.log import RecommendationLog
from moodcue_recommender.metrics import RecommenderMetrics
from moodcue_recommender.taste_sender import TasteSender
from moodcue_recommender.wishes import Question

_BROKER = "broker"
_TOPICS = (
    topic(Family.STATUS, _BROKER),
    topic(Family.EMOTION_WINDOW),
    topic(Family.REQUEST),
    topic(Family.INDEX),
)
_POLL_SECONDS = 0.1
_DRAIN_SECONDS = 0.5
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the service works with.

    Attributes:
        context: of this process.
        address: of the broker.
        index: gives the library of the moment.
        log: of what was answered.
        answerer: makes and keeps the answers.
        publisher: of the recommendations, under the log's source name.
        metrics: to count in.
        republish: how many recommendations of each camera a new broker gets.
        catch_up_seconds: age up to which missed windows are answered.
        stall_seconds: how long questions may fail before that is ill.
        clock: wall clock.
        tracer: told of the answers that were given, where somebody traces.
    """

    context: zmq.Context[zmq.Socket[bytes]]
    address: BusAddress
    index: IndexFollower
    log: RecommendationLog
    answerer: Answerer
    publisher: Publisher
    metrics: RecommenderMetrics
    republish: int
    catch_up_seconds: float
    stall_seconds: float = 10.0
    clock: Clock = system_clock
    tracer: Tracer | None = None


class RecommenderService:
    """Answers what comes over the bus. Use it in one thread, the one that made the publisher."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._broker = ""
        self._up_to_date = False
        self._link: Link | None = None
        self._windows = SequenceTracker()
        self._totals: Counter[str] = Counter()
        self._answering = Work(
            "windows or requests come and none is answered", max_seconds=parts.stall_seconds
        )
        self._tastes = TasteSender(parts.publisher, parts.clock)
        for camera, last in parts.log.last_numbers().items():
            parts.publisher.restore_seq(topic_of(camera), last)

    def run(self, running: Running, heartbeat: Heartbeat) -> None:
        """Work until told to stop, then answer what has come in and say goodbye."""
        parts = self._parts
        with Subscriber(parts.context, parts.address, topics=_TOPICS) as subscriber:
            self._link = subscriber.link
            # What is published before the broker has subscribed is lost, and who is answered
            # before the index is loaded gets a hold. Windows wait in the queue meanwhile.
            _wait(running, parts.publisher.wait_until_connected)
            _wait(running, parts.index.looked.wait)
            while not running.stop.is_set():
                subscriber.link.update()
                self._turn(subscriber, _POLL_SECONDS)
                heartbeat.tick()
                running.pulse.beat()
            deadline = time.monotonic() + _DRAIN_SECONDS
            while self._turn(subscriber, 0.0) and time.monotonic() < deadline:
                pass
            heartbeat.send(ServiceState.STOPPING)

    def _turn(self, subscriber: Subscriber, timeout_seconds: float) -> bool:
        """Handle one message; False when none came."""
        try:
            message = subscriber.receive(timeout_seconds)
            if message is None:
                return False
            self.handle(message)
        except ProtocolError as error:
            self._parts.metrics.refused_messages.inc()
            _log.warning("message.refused", reason=str(error))
        return True

    def handle(self, message: Message) -> None:
        """Handle one message.

        Raises:
            ProtocolError: if its topic should not carry it.
        """
        match message.event:
            case EmotionWindow() as window:
                self._bring_up_to_date()
                self._on_window(message.topic, window)
            case RecommendationRequest() as request:
                self._bring_up_to_date()
                self._answer(request)
            case IndexPublished():
                self._parts.index.hint()
            case Status(service=service, source=source) if service == _BROKER:
                self._on_broker(source)
            case other:
                raise ProtocolError(f"{message.topic} carries a {type(other).__name__}")

    def _on_broker(self, source: str) -> None:
        # A broker has a new source name after each start, and nothing in its history.
        if self._broker not in ("", source):
            self._up_to_date = False
        self._broker = source
        self._bring_up_to_date()

    def _on_window(self, name: str, window: EmotionWindow) -> None:
        if self._windows.missing_before(name, window.source, window.seq):
            self._fill_gap(name, window.source)
        missing = self._windows.missing_before(name, window.source, window.seq)
        self._parts.metrics.lost_windows.inc(missing)
        self._windows.accept(name, window.source, window.seq)
        self._answer(window)

    def _fill_gap(self, name: str, source: str) -> None:
        try:
            missed = self._replayed(name, after_seq=self._windows.last(name, source))
        except BusError as error:
            _log.warning("gap.unfilled", topic=name, reason=str(error))
            return
        for message in missed:
            window = message.event
            if isinstance(window, EmotionWindow) and self._windows.accept(
                name, window.source, window.seq
            ):
                self._answer(window)

    def _answer(self, question: Question) -> None:
        self._answering.ask()
        try:
            left = self._publish_answer(question)
        except Exception as error:  # noqa: BLE001 - one question must not cost the others theirs
            _log.exception("question.failed", id=question.id, camera=question.camera)
            self._parts.metrics.failed_questions.inc()
            self._answering.fail(f"{type(error).__name__}: {error}")
            return
        if left:
            self._answering.done()
        else:
            self._answering.fail("the queue to the broker is full")

    def _publish_answer(self, question: Question) -> bool:
        """Answer, unless that was done before; False if the answer could not leave."""
        began = time.perf_counter()
        laps = Laps()
        metrics = self._parts.metrics
        made = self._parts.answerer.answer(question)
        if made is None:
            metrics.duplicates.inc()
            return True
        event = made.recommendation
        self._totals["holds" if event.hold else "recommendations"] += 1
        if made.meaning.told is not None or made.meaning.forget:
            # Before the answer, so that who has that one has this one, too.
            self._tastes.send(event.camera, made.meaning.taste)
        left = self._send(event)
        if self._parts.tracer is not None:
            laps.lap("choose and send")
            self._parts.tracer.record(_step_of(question, event, laps))
        self._count_step(made)
        metrics.seconds.observe(time.perf_counter() - began)
        metrics.answered(event, now=self._parts.clock())
        metrics.repeated.inc(made.repeated)
        metrics.unlogged.inc(self._parts.answerer.log_problem is not None)
        _log.info(
            "recommendation.published",
            camera=event.camera,
            seq=event.seq,
            emotion=event.emotion,
            hold=event.hold,
            detail=event.detail,
            songs=[song.title for song in event.songs],
            trace=event.trace,
        )
        return left

    def _send(self, event: Recommendation) -> bool:
        left = self._parts.publisher.send(topic_of(event.camera), event)
        if not left:
            self._parts.metrics.unsent.inc()
        return left

    def _count_step(self, made: Answer) -> None:
        if made.followed is not None:
            self._totals["guided_followed" if made.followed else "guided_not_followed"] += 1
            self._parts.metrics.guided(made.recommendation.mode, followed=made.followed)

    def _bring_up_to_date(self) -> None:
        """After a start, ours or the broker's, settle what either of us lacks; before all else.

        The broker gets what it lacks of our recommendations: all of them after its restart, so
        that replay by sequence number goes on; after ours only those that did not get out. Then
        the windows that came while we were away are answered, in their order.
        """
        if self._up_to_date:
            return
        try:
            self._republish(self._replayed(topic(Family.RECOMMENDATION)))
            self._answer_missed(self._replayed(topic(Family.EMOTION_WINDOW)))
        except BusError as error:
            # The next message tries again: at the latest the broker's heartbeat, in a second.
            _log.warning("broker.silent", reason=str(error))
            return
        self._up_to_date = True
        _log.info("broker.met", broker=self._broker)

    def _replayed(self, name: str, *, after_seq: int = 0) -> list[Message]:
        parts = self._parts
        try:
            messages, _ = replay(parts.context, parts.address, topic=name, after_seq=after_seq)
        except ProtocolError as error:
            parts.metrics.refused_messages.inc()
            _log.warning("replay.refused", topic=name, reason=str(error))
            return []
        return messages

    def _republish(self, at_broker: list[Message]) -> None:
        parts = self._parts
        last_there: dict[str, int] = {}
        for message in at_broker:
            event = message.event
            if isinstance(event, Recommendation) and event.source == parts.log.source:
                last_there[event.camera] = max(event.seq, last_there.get(event.camera, 0))
        for camera, last in last_there.items():
            # Matters only if our own log was lost.
            parts.publisher.restore_seq(topic_of(camera), last)
        for camera in parts.answerer.tastes.cameras():
            self._tastes.send(camera, parts.answerer.tastes.of(camera))
        for camera in parts.log.last_numbers():
            after = last_there.get(camera, 0)
            for event in parts.log.after(camera, after, last=parts.republish):
                self._send(event)
                parts.metrics.republished.inc()

    def _answer_missed(self, messages: list[Message]) -> None:
        oldest = self._parts.clock() - int(self._parts.catch_up_seconds * NS_PER_SECOND)
        for message in messages:
            window = message.event
            if isinstance(window, EmotionWindow) and window.end >= oldest:
                self._windows.accept(message.topic, window.source, window.seq)
                self._answer(window)

    def counters(self) -> dict[str, float]:
        """Figures for the heartbeat."""
        library = self._parts.index.library
        return {
            **self._totals,
            "index_songs": len(library.songs) if library else 0,
            "index_refused": self._parts.index.refused,
            "windows_lost": self._windows.lost,
            "unsent": self._parts.publisher.dropped,
        }

    def ready(self) -> Problem:
        """Say what keeps windows from being answered with songs, if anything; from any thread."""
        index = self._parts.index.missing()
        return index or (self._link.problem() if self._link else "the bus is not open yet")

    def problem(self) -> Problem:
        """What is wrong, if anything."""
        return self.failing() or self._parts.index.problem or self._parts.answerer.log_problem

    def failing(self) -> Problem:
        """Say what a restart may mend, if anything; from any thread."""
        return self._answering.problem() or self._parts.index.stuck()


def _step_of(question: Question, event: Recommendation, laps: Laps) -> Step:
    return Step(
        name="choose songs",
        trace=event.trace,
        start=laps.start,
        end=laps.end,
        taken=question.id,
        made=event.id,
        attributes={
            "camera": event.camera,
            "songs": len(event.songs),
            "hold": event.hold or "none",
        },
    )


def _wait(running: Running, ready: Callable[[float], bool]) -> None:
    while not running.stop.is_set() and not ready(_POLL_SECONDS):
        running.pulse.beat()
