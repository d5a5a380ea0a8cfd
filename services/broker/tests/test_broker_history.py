from collections.abc import Iterable, Sequence

import pytest

from moodcue.errors import ProtocolError
from moodcue_broker.history import EventHistory

TOPIC = "recommendation/kitchen/"


def make_history(
    *, events: int = 3, topics: int = 10, size_in_bytes: int = 1 << 20
) -> EventHistory:
    return EventHistory(history_events=events, max_topics=topics, max_bytes=size_in_bytes)


def add(history: EventHistory, *numbers: int, topic: str = TOPIC, source: str = "s") -> None:
    for seq in numbers:
        name = f"{source}-{topic}-{seq}"
        history.add(topic, event_id=name, seq=seq, frames=[topic.encode(), name.encode()])


def numbers(events: Iterable[Sequence[bytes]]) -> list[int]:
    return [int(frames[1].decode().rpartition("-")[2]) for frames in events]


def test_replay_gives_what_came_after_a_number() -> None:
    history = make_history()
    add(history, 1, 2, 3)

    events, complete = history.replay(TOPIC, 1, limit=100)

    assert numbers(events) == [2, 3]
    assert complete


def test_a_replay_after_the_newest_is_empty_and_complete() -> None:
    history = make_history()
    add(history, 1, 2)

    assert history.replay(TOPIC, 2, limit=100) == ([], True)


def test_what_fell_out_makes_a_replay_incomplete() -> None:
    history = make_history(events=2)
    add(history, 1, 2, 3, 4)

    events, complete = history.replay(TOPIC, 1, limit=100)
    assert (numbers(events), complete) == ([3, 4], False)

    events, complete = history.replay(TOPIC, 2, limit=100)
    assert (numbers(events), complete) == ([3, 4], True)

    assert not history.replay(TOPIC, 0, limit=100)[1]


def test_a_source_that_began_again_is_replayed_from_its_beginning() -> None:
    history = make_history()
    add(history, 1, 2, source="new")

    events, complete = history.replay(TOPIC, 57, limit=100)

    assert (numbers(events), complete) == ([1, 2], False)


def test_a_replay_of_several_topics_is_in_order_of_arrival() -> None:
    history = make_history()
    add(history, 1, topic="recommendation/hall/")
    add(history, 2)
    add(history, 3, topic="recommendation/hall/")

    assert numbers(history.replay("recommendation/", 0, limit=100)[0]) == [1, 2, 3]


def test_beyond_its_limit_a_replay_has_the_newest_events_and_says_so() -> None:
    history = make_history()
    add(history, 1, topic="recommendation/hall/")
    add(history, 2, 3)
    add(history, 4, topic="recommendation/hall/")

    events, complete = history.replay("recommendation/", 0, limit=3)
    assert (numbers(events), complete) == ([2, 3, 4], False)

    assert history.replay("recommendation/", 0, limit=4)[1]


def test_the_memory_of_the_history_is_bounded_and_the_topic_that_grows_pays() -> None:
    history = make_history(events=100, size_in_bytes=1000)
    add(history, 1)
    large = [b"recommendation/hall/", b"x" * 280]
    for seq in range(1, 6):
        history.add("recommendation/hall/", event_id=str(seq), seq=seq, frames=large)

    assert numbers(history.replay(TOPIC, 0, limit=100)[0]) == [1]
    hall, complete = history.replay("recommendation/hall/", 0, limit=100)
    assert (len(hall), complete, history.shortened) == (3, False, 2)


def test_one_event_beyond_the_memory_is_kept_alone() -> None:
    history = make_history(size_in_bytes=10)
    add(history, 1, topic="recommendation/hall/")
    add(history, 1)

    assert len(history) == history.evicted_topics == 1
    assert numbers(history.replay(TOPIC, 0, limit=100)[0]) == [1]


def test_an_event_that_is_sent_again_is_kept_once() -> None:
    history = make_history()
    add(history, 1, 2)
    add(history, 1, 2, 3)

    assert numbers(history.replay(TOPIC, 0, limit=100)[0]) == [1, 2, 3]


def test_only_some_families_have_a_last_value() -> None:
    history = make_history()
    add(history, 1, 2)
    add(history, 1, topic="face-emotion/kitchen/")

    assert numbers(history.last_values("")) == [2]


def test_a_status_has_no_history_but_a_last_value() -> None:
    history = make_history()
    add(history, 1, 2, topic="status/fer/a/")

    assert history.replay("status/", 0, limit=100) == ([], True)
    assert numbers(history.last_values("status/")) == [2]


def test_requests_are_not_kept() -> None:
    history = make_history()
    add(history, 1, topic="request/kitchen/")

    assert len(history) == 0


def test_a_topic_of_no_family_is_refused() -> None:
    with pytest.raises(ProtocolError, match="gossip"):
        add(make_history(), 1, topic="gossip/kitchen/")


def test_the_topic_that_was_used_longest_ago_falls_out() -> None:
    history = make_history(topics=2)
    for camera in ("a", "b", "a", "c"):
        add(history, 1, topic=f"recommendation/{camera}/")

    events, _ = history.replay("recommendation/", 0, limit=100)
    kept = sorted(frames[0].decode() for frames in events)

    assert kept == ["recommendation/a/", "recommendation/c/"]
    assert history.evicted_topics == 1
