"""Builds the broker from its settings and runs it."""

import structlog
import zmq
from prometheus_client import CollectorRegistry

from moodcue.bus import BusAddress
from moodcue.lifecycle import Heartbeat, opened_tracer, running
from moodcue.security import check_bind_host, load_keys
from moodcue.tracing import Tracer
from moodcue_broker.dispatch import Dispatcher
from moodcue_broker.history import EventHistory
from moodcue_broker.metrics import BrokerMetrics
from moodcue_broker.service import Broker, OwnEvents
from moodcue_broker.settings import BrokerSettings
from moodcue_broker.sockets import BrokerSockets, bound_sockets

SERVICE = "broker"
_log = structlog.get_logger(__name__)


def build(
    settings: BrokerSettings,
    sockets: BrokerSockets,
    registry: CollectorRegistry,
    *,
    tracer: Tracer | None = None,
) -> tuple[Broker, Heartbeat]:
    """Put the parts together."""
    broker = Broker(
        sockets=sockets,
        history=EventHistory(
            history_events=settings.history_events,
            max_topics=settings.max_topics,
            max_bytes=settings.history_megabytes << 20,
        ),
        dispatcher=Dispatcher(
            max_frame_age_seconds=settings.max_frame_age_seconds,
            worker_timeout_seconds=settings.worker_timeout_seconds,
            max_cameras=settings.max_cameras,
        ),
        metrics=BrokerMetrics(registry),
        tracer=tracer,
    )
    heartbeat = Heartbeat(
        publisher=OwnEvents(broker.forward_own),
        service=SERVICE,
        instance=settings.instance,
        counters=broker.counters,
        problem=sockets.problem,
    )
    return broker, heartbeat


def run(settings: BrokerSettings) -> int:
    """Run the broker until it is told to stop.

    Raises:
        MoodcueError: if a port is taken, keys are unusable, or the host needs encryption.
    """
    keys = load_keys(settings.curve_dir, broker=True)
    check_bind_host(settings.bind_host, keys=keys, allow_plaintext=settings.allow_plaintext)
    address = BusAddress(settings.bind_host, settings.bus_port, keys)
    registry = CollectorRegistry()
    with (
        zmq.Context() as context,
        bound_sockets(context, address) as sockets,
        opened_tracer(settings, service=SERVICE) as tracer,
        running(settings, service=SERVICE, registry=registry, alive=sockets.problem) as process,
    ):
        broker, heartbeat = build(settings, sockets, registry, tracer=tracer)
        _log.info("broker.listening", host=address.host, port=address.port, encrypted=bool(keys))
        broker.run(process, heartbeat)
    return 0
