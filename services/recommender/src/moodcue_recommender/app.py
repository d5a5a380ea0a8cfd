"""Builds the recommender from its settings and runs it."""

from contextlib import ExitStack

import faiss
import zmq
from prometheus_client import CollectorRegistry

from moodcue.bus import Publisher
from moodcue.lifecycle import Heartbeat, opened_tracer, running
from moodcue.tracing import Tracer
from moodcue_recommender.answerer import Answerer
from moodcue_recommender.database import Database
from moodcue_recommender.index import IndexFollower
from moodcue_recommender.log import RecommendationLog
from moodcue_recommender.metrics import RecommenderMetrics
from moodcue_recommender.service import Parts, RecommenderService
from moodcue_recommender.settings import RecommenderSettings

SERVICE = "recommender"


def run(settings: RecommenderSettings) -> int:
    """Run the recommender until it is told to stop.

    Raises:
        MoodcueError: if the log is in use or unreadable, or keys or the health port are unusable.
    """
    # One query over a library is too little work to share among threads.
    faiss.omp_set_num_threads(1)
    name = f"{SERVICE}/{settings.instance}"
    address = settings.bus_address()
    index = IndexFollower(
        settings.index_dir,
        poll_seconds=settings.index_poll_seconds,
        matching=settings.matching,
    )
    registry = CollectorRegistry()
    metrics = RecommenderMetrics(registry, index)
    with ExitStack() as stack:
        database = stack.enter_context(Database(settings.state_dir))
        log = RecommendationLog(database, source=name, keep=settings.keep_recommendations)
        context = stack.enter_context(zmq.Context())
        publisher = stack.enter_context(Publisher(context, address, source=log.source))
        service = _service(
            settings,
            context=context,
            publisher=publisher,
            database=database,
            log=log,
            index=index,
            metrics=metrics,
            tracer=stack.enter_context(opened_tracer(settings, service=SERVICE)),
        )
        process = stack.enter_context(
            running(
                settings,
                service=SERVICE,
                registry=registry,
                alive=service.failing,
                ready=service.ready,
            )
        )
        stack.enter_context(index)
        heartbeat = Heartbeat(
            publisher=publisher,
            service=SERVICE,
            instance=settings.instance,
            counters=service.counters,
            problem=service.problem,
        )
        service.run(process, heartbeat)
    return 0


def _service(
    settings: RecommenderSettings,
    *,
    context: zmq.Context[zmq.Socket[bytes]],
    publisher: Publisher,
    database: Database,
    log: RecommendationLog,
    index: IndexFollower,
    metrics: RecommenderMetrics,
    tracer: Tracer | None,
) -> RecommenderService:
    answerer = Answerer(
        index=index,
        database=database,
        log=log,
        next_seq=publisher.next_seq,
        rules=settings.rules(),
        remembered_songs=settings.remembered_songs,
    )
    return RecommenderService(
        Parts(
            context=context,
            address=settings.bus_address(),
            index=index,
            log=log,
            answerer=answerer,
            publisher=publisher,
            metrics=metrics,
            republish=settings.republish,
            catch_up_seconds=settings.catch_up_seconds,
            stall_seconds=settings.stall_seconds,
            tracer=tracer,
        )
    )
