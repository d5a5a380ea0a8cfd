from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodcue_camera.pacing import Backoff, SteadyPace, WorkerPace


class FakeClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_the_first_slot_is_due_at_once(clock: FakeClock) -> None:
    pace = SteadyPace(5, clock=clock)
    clock.now += 60
    assert pace.wait_seconds() == 0
    assert pace.take() == 0
    assert pace.late == 0


def test_work_between_slots_does_not_shift_them(clock: FakeClock) -> None:
    pace = SteadyPace(5, clock=clock)
    taken = []
    for _ in range(1000):
        clock.now += pace.wait_seconds()
        taken.append((pace.take(), clock.now))
        clock.now += 0.13
    assert [slot for slot, _ in taken] == list(range(1000))
    assert taken[-1][1] == pytest.approx(1000 + 999 / 5)
    assert pace.late == 0


def test_slots_missed_are_counted_and_the_grid_is_kept(clock: FakeClock) -> None:
    pace = SteadyPace(4, clock=clock)
    pace.take()
    clock.now += 1.6
    assert pace.take() == 6
    assert pace.late == 5
    assert pace.wait_seconds() == pytest.approx(0.15)


@given(
    rate=st.floats(0.1, 60),
    steps=st.lists(st.floats(0, 3), min_size=1, max_size=40),
)
def test_every_slot_is_either_taken_once_or_counted_as_late(
    rate: float, steps: list[float]
) -> None:
    clock = FakeClock()
    pace = SteadyPace(rate, clock=clock)
    slots = [pace.take()]
    for step in steps:
        clock.now += step
        clock.now += pace.wait_seconds()
        slots.append(pace.take())
    assert all(after > before for before, after in pairwise(slots))
    assert len(slots) + pace.late == slots[-1] + 1


def worker_pace(clock: FakeClock, *, in_flight: int = 1) -> WorkerPace:
    return WorkerPace(in_flight=in_flight, timeout_seconds=2, clock=clock)


def test_no_more_than_the_allowed_frames_are_unanswered(clock: FakeClock) -> None:
    pace = worker_pace(clock, in_flight=2)
    pace.take()
    pace.sent("first")
    pace.answered("first")
    for name in ("a", "b"):
        assert pace.wait_seconds() == 0
        pace.take()
        pace.sent(name)
    assert pace.wait_seconds() == pytest.approx(2)
    pace.answered("a")
    assert pace.wait_seconds() == 0
    assert pace.take() == 3


def test_the_first_slot_is_repeated_until_a_worker_answers(clock: FakeClock) -> None:
    pace = worker_pace(clock, in_flight=3)
    for attempt in range(4):
        assert pace.wait_seconds() == 0
        assert pace.take() == 0
        pace.sent(str(attempt))
        assert pace.wait_seconds() > 0, "one frame at a time before the first answer"
        clock.now += 2
    assert pace.wait_seconds() == 0
    pace.take()
    pace.sent("heard")
    assert pace.answered("heard")
    assert pace.take() == 1


def test_a_frame_that_is_never_answered_is_given_up_and_counted(clock: FakeClock) -> None:
    pace = worker_pace(clock)
    pace.sent("first")
    pace.answered("first")
    pace.sent("lost")
    idle_before = pace.idle
    clock.now += 2
    assert (idle_before, pace.idle) == (False, True)
    assert pace.unanswered == 1
    assert not pace.answered("lost")
    assert pace.take() == 2


def test_an_answer_to_a_stranger_makes_no_room(clock: FakeClock) -> None:
    pace = worker_pace(clock)
    pace.sent("mine")
    assert not pace.answered("another camera's")
    assert pace.wait_seconds() > 0


def test_a_slot_that_could_not_be_sent_is_taken_again(clock: FakeClock) -> None:
    pace = worker_pace(clock)
    assert pace.take() == 0
    assert pace.take() == 0


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(first_seconds=0.5, longest_seconds=3, chance=lambda: 1.0)
    assert [backoff.next_seconds() for _ in range(5)] == [0.5, 1, 2, 3, 3]
    backoff.reset()
    assert backoff.next_seconds() == 0.5


def test_jitter_shortens_a_pause_by_at_most_half() -> None:
    backoff = Backoff(first_seconds=2, longest_seconds=2, chance=lambda: 0.0)
    assert backoff.next_seconds() == 1
