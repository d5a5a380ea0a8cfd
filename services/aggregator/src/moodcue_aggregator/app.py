"""Builds the aggregator from its settings and runs it."""

import zmq
from prometheus_client import CollectorRegistry

from moodcue.bus import Publisher
from moodcue.identity import new_source, system_clock
from moodcue.lifecycle import Heartbeat, opened_tracer, running
from moodcue_aggregator.service import Aggregator
from moodcue_aggregator.settings import AggregatorSettings

SERVICE = "aggregator"


def run(settings: AggregatorSettings) -> int:
    """Run the aggregator until it is told to stop.

    Raises:
        MoodcueError: if keys are unusable, the health port is taken, or no broker appears.
    """
    address = settings.bus_address()
    registry = CollectorRegistry()
    with (
        zmq.Context() as context,
        Publisher(context, address, source=new_source(SERVICE, settings.instance)) as publisher,
        opened_tracer(settings, service=SERVICE) as tracer,
        Aggregator(
            context,
            address,
            publisher=publisher,
            window_rules=settings.window_rules(),
            hold_rules=settings.hold_rules(),
            registry=registry,
            clock=system_clock,
            stall_seconds=settings.stall_seconds,
            tracer=tracer,
        ) as aggregator,
        running(settings, service=SERVICE, registry=registry, ready=aggregator.ready) as process,
    ):
        heartbeat = Heartbeat(
            publisher=publisher,
            service=SERVICE,
            instance=settings.instance,
            counters=aggregator.counters,
            problem=aggregator.ready,
        )
        aggregator.run(process, heartbeat, wait_seconds=settings.broker_wait_seconds)
    return 0
