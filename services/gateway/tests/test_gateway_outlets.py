import pytest

from moodcue.events import EVENT_TYPES, ServiceState, Status
from moodcue.identity import NS_PER_SECOND
from moodcue_gateway.asyncapi import FAMILY_EVENTS
from moodcue_gateway.outlets import OUTLET_FAMILIES, HeartbeatFilter

TOPIC = "status/fer/one/"


def beat(seconds: float, *, state: ServiceState = ServiceState.RUNNING, started: int = 0) -> Status:
    return Status(
        id=f"beat{seconds}",
        source="fer/one",
        seq=1,
        time=round((1000 + seconds) * NS_PER_SECOND),
        trace="",
        service="fer",
        instance="one",
        version="0.1.0",
        state=state,
        started=started,
        counters={"frames": seconds},
    )


def test_of_a_heartbeat_a_second_one_a_minute_passes() -> None:
    heartbeats = HeartbeatFilter()

    assert [n for n in range(180) if heartbeats.passes(TOPIC, beat(n))] == [0, 60, 120]


@pytest.mark.parametrize(
    "other",
    [
        beat(1, state=ServiceState.DEGRADED),
        beat(1, started=7),
        beat(-100),
    ],
    ids=["another state", "another process", "a clock set back"],
)
def test_a_heartbeat_that_says_something_new_passes_at_once(other: Status) -> None:
    heartbeats = HeartbeatFilter()
    assert heartbeats.passes(TOPIC, beat(0))

    assert heartbeats.passes(TOPIC, other)
    assert not heartbeats.passes(TOPIC, other)
    assert heartbeats.passes("status/fer/two/", beat(0))


def test_the_filter_forgets_the_services_that_passed_longest_ago() -> None:
    heartbeats = HeartbeatFilter()
    for number in range(1001):
        heartbeats.passes(f"status/fer/{number}/", beat(0))

    assert not heartbeats.passes("status/fer/1/", beat(1))
    assert heartbeats.passes("status/fer/0/", beat(1))


def test_all_events_but_pictures_requests_and_the_faces_of_each_frame_go_out() -> None:
    carried = {FAMILY_EVENTS[family][0].__name__ for family in OUTLET_FAMILIES}

    assert {kind.__name__ for kind in EVENT_TYPES} - carried == {
        "Frame",
        "FaceEmotion",
        "RecommendationRequest",
    }
