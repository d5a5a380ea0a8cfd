"""What the heartbeats say about the system as a whole."""

from collections.abc import Iterable, Sequence

from moodcue.events import ServiceState, Status
from moodcue.health import Problem
from moodcue.identity import NS_PER_SECOND
from moodcue_gateway.schemas import ServiceModel

NEEDED_SERVICES = ("broker", "camera", "fer", "aggregator", "recommender")
FORGET_SECONDS = 120.0
"""A process that is silent for longer is no longer listed."""


def services_from(
    statuses: Iterable[Status], *, now_ns: int, stale_seconds: float
) -> list[ServiceModel]:
    """List the processes whose heartbeats are there or have stopped lately.

    Args:
        statuses: the newest heartbeat of each.
        now_ns: UTC, nanoseconds since 1970.
        stale_seconds: a heartbeat that is older marks its process as stale.
    """
    listed = []
    for status in statuses:
        age = max(0.0, (now_ns - status.time) / NS_PER_SECOND)
        if age <= FORGET_SECONDS:
            listed.append(
                ServiceModel(
                    service=status.service,
                    instance=status.instance,
                    version=status.version,
                    state=status.state,
                    stale=age > stale_seconds,
                    age_seconds=round(age, 3),
                    started=status.started,
                    detail=status.detail,
                    counters=status.counters,
                )
            )
    return listed


def is_live(service: ServiceModel) -> bool:
    """Say whether a process is there and means to stay."""
    return not service.stale and service.state is not ServiceState.STOPPING


def missing_services(services: Sequence[ServiceModel]) -> list[str]:
    """Name the services without which no song is recommended and that have no live process."""
    live = {service.service for service in services if is_live(service)}
    if any(service.counters.get("browser_cameras") for service in services if is_live(service)):
        live.add("camera")
    return [name for name in NEEDED_SERVICES if name not in live]


def not_ready(services: Sequence[ServiceModel], *, silence: Problem) -> Problem:
    """Say what keeps the gateway from answering: a silent broker, or no recommender."""
    if silence:
        return silence
    if "recommender" in missing_services(services):
        return "no recommender is running; start it: moodcue-recommender run"
    return None
