from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from moodcue_broker.dispatch import Assignment, Dispatcher, DropReason, WaitingFrame


def make_dispatcher(*, max_cameras: int = 100) -> Dispatcher:
    return Dispatcher(max_frame_age_seconds=2, worker_timeout_seconds=5, max_cameras=max_cameras)


def frame(camera: str, number: int, *, arrived: float = 0) -> WaitingFrame:
    return WaitingFrame(camera, f"{camera}-{number}", arrived, [b"topic", b"header", b"jpeg"])


def assign_all(dispatcher: Dispatcher, now: float = 0) -> list[Assignment]:
    given_out = []
    while assignment := dispatcher.next_assignment(now=now):
        given_out.append(assignment)
    return given_out


def test_a_free_worker_gets_the_newest_frame_and_the_older_one_is_counted() -> None:
    dispatcher = make_dispatcher()
    dispatcher.offer(frame("a", 1))
    dispatcher.offer(frame("a", 2))
    dispatcher.ready(b"w", "fer/w", done="", now=0)

    assert [a.frame.id for a in assign_all(dispatcher)] == ["a-2"]
    assert dispatcher.dropped["a", DropReason.REPLACED] == 1


def test_a_busy_worker_gets_no_second_frame_until_it_names_the_first_as_done() -> None:
    dispatcher = make_dispatcher()
    dispatcher.ready(b"w", "fer/w", done="", now=0)
    dispatcher.offer(frame("a", 1))
    assert len(assign_all(dispatcher)) == 1
    dispatcher.offer(frame("a", 2))

    dispatcher.ready(b"w", "fer/w", done="", now=1)
    assert assign_all(dispatcher) == []

    assert dispatcher.ready(b"w", "fer/w", done="a-1", now=1) == "a"
    assert [a.frame.id for a in assign_all(dispatcher)] == ["a-2"]


def test_cameras_take_turns_however_fast_one_of_them_is() -> None:
    dispatcher = make_dispatcher()
    dispatcher.ready(b"w", "fer/w", done="", now=0)
    served, done = [], ""
    for number in range(30):
        for fast in range(5):
            dispatcher.offer(frame("fast", number * 5 + fast))
        dispatcher.offer(frame("slow", number))
        dispatcher.ready(b"w", "fer/w", done=done, now=0)
        [assignment] = assign_all(dispatcher)
        done = assignment.frame.id
        served.append(assignment.frame.camera)

    assert served.count("fast") == 15
    assert served.count("slow") == 15


def serve(
    dispatcher: Dispatcher, periods: dict[str, int], *, workers: int, steps: int
) -> list[list[Assignment]]:
    """Let cameras bring a frame in every so manieth step, and workers finish one in each."""
    served: list[list[Assignment]] = [[]]
    for number in range(workers):
        dispatcher.ready(b"w%d" % number, "fer/w", done="", now=0)
    for step in range(steps):
        for camera, period in periods.items():
            if step % period == 0:
                dispatcher.offer(frame(camera, step, arrived=step))
        for each in served[-1]:
            dispatcher.ready(each.worker.identity, "fer/w", done=each.frame.id, now=step)
        served.append(assign_all(dispatcher, now=step))
    return served


LONGEST_PERIOD = 8


@settings(max_examples=20)
@given(
    periods=st.lists(
        st.integers(1, LONGEST_PERIOD), min_size=2 * (LONGEST_PERIOD + 1), max_size=200
    ),
    data=st.data(),
)
def test_cameras_share_overloaded_workers_equally_however_fast_each_is(
    periods: list[int], data: st.DataObject
) -> None:
    # So few that each camera has brought another frame when its turn comes again.
    workers = data.draw(st.integers(1, len(periods) // (LONGEST_PERIOD + 1)))
    cameras = {f"c{number}": period for number, period in enumerate(periods)}
    dispatcher = Dispatcher(
        max_frame_age_seconds=1000, worker_timeout_seconds=1000, max_cameras=200
    )

    served = serve(dispatcher, cameras, workers=workers, steps=4 * len(periods) // workers)

    shares = Counter(each.frame.camera for step in served for each in step)
    assert max(shares.values()) - min(shares[camera] for camera in cameras) <= 1


@settings(max_examples=20)
@given(fast=st.integers(2, 99), workers=st.integers(1, 16))
def test_a_camera_slower_than_its_share_loses_no_frame_to_faster_ones(
    fast: int, workers: int
) -> None:
    period = fast // workers + 2
    cameras = {**{f"fast{number}": 1 for number in range(fast)}, "slow": period}
    dispatcher = Dispatcher(
        max_frame_age_seconds=1000, worker_timeout_seconds=10_000, max_cameras=200
    )

    served = serve(dispatcher, cameras, workers=workers, steps=10 * period)

    numbers = [each.frame.id for step in served for each in step if each.frame.camera == "slow"]
    assert numbers == [f"slow-{number * period}" for number in range(10)]


def test_the_worker_that_saw_a_camera_last_is_preferred() -> None:
    dispatcher = make_dispatcher()
    dispatcher.ready(b"1", "fer/1", done="", now=0)
    dispatcher.ready(b"2", "fer/2", done="", now=0)
    dispatcher.offer(frame("a", 1))
    dispatcher.offer(frame("b", 1))
    first = {a.frame.camera: a.worker.identity for a in assign_all(dispatcher)}
    for camera, identity in first.items():
        dispatcher.ready(identity, "fer", done=f"{camera}-1", now=0)

    dispatcher.offer(frame("b", 2))
    dispatcher.offer(frame("a", 2))

    assert first == {a.frame.camera: a.worker.identity for a in assign_all(dispatcher)}


def test_a_frame_goes_to_another_worker_when_the_preferred_one_is_busy() -> None:
    dispatcher = make_dispatcher()
    dispatcher.ready(b"1", "fer/1", done="", now=0)
    dispatcher.offer(frame("a", 1))
    [first] = assign_all(dispatcher)
    dispatcher.ready(b"2", "fer/2", done="", now=0)
    dispatcher.offer(frame("a", 2))

    [second] = assign_all(dispatcher)

    assert (first.worker.identity, second.worker.identity) == (b"1", b"2")


def test_a_frame_that_waited_too_long_is_dropped_and_counted() -> None:
    dispatcher = make_dispatcher()
    dispatcher.offer(frame("a", 1, arrived=0))
    dispatcher.ready(b"w", "fer/w", done="", now=3)

    assert assign_all(dispatcher, now=3) == []
    assert dispatcher.dropped["a", DropReason.TOO_OLD] == 1


def test_a_frame_that_nobody_asks_for_is_not_kept_for_longer_than_allowed() -> None:
    dispatcher = make_dispatcher()
    dispatcher.offer(frame("a", 1, arrived=0))
    dispatcher.offer(frame("b", 1, arrived=2))
    dispatcher.expire(now=3)

    assert dispatcher.waiting == 1
    assert dispatcher.dropped == {("a", DropReason.TOO_OLD): 1}
    dispatcher.offer(frame("a", 2, arrived=3))
    for worker in (b"1", b"2"):
        dispatcher.ready(worker, "fer", done="", now=3)
    assert {a.frame.id for a in assign_all(dispatcher, now=3)} == {"a-2", "b-1"}


def test_a_silent_worker_is_dead_and_costs_the_one_frame_that_it_held() -> None:
    dispatcher = make_dispatcher()
    dispatcher.ready(b"w", "fer/w", done="", now=0)
    dispatcher.offer(frame("a", 1))
    assign_all(dispatcher)
    dispatcher.ping(b"w", now=4)

    assert dispatcher.expire(now=8) == []
    assert [worker.name for worker in dispatcher.expire(now=9.1)] == ["fer/w"]
    assert dispatcher.dropped["a", DropReason.WORKER_LOST] == 1
    assert dispatcher.workers == 0


def test_a_frame_that_could_not_be_delivered_goes_to_the_next_worker() -> None:
    dispatcher = make_dispatcher()
    dispatcher.ready(b"gone", "fer/gone", done="", now=0)
    dispatcher.offer(frame("a", 1))
    [assignment] = assign_all(dispatcher)
    dispatcher.return_undelivered(assignment)
    dispatcher.ready(b"here", "fer/here", done="", now=0)

    [again] = assign_all(dispatcher)

    assert (again.worker.identity, again.frame.id) == (b"here", "a-1")
    assert dispatcher.dropped.total() == 0


def test_a_frame_that_crosses_a_goodbye_goes_to_another_worker() -> None:
    dispatcher = make_dispatcher()
    dispatcher.ready(b"1", "fer/1", done="", now=0)
    dispatcher.offer(frame("a", 1))
    assign_all(dispatcher)
    dispatcher.leave(b"1", done="")
    dispatcher.ready(b"2", "fer/2", done="", now=0)

    assert [a.frame.id for a in assign_all(dispatcher)] == ["a-1"]


def test_a_frame_that_was_finished_before_a_goodbye_is_not_given_out_again() -> None:
    dispatcher = make_dispatcher()
    dispatcher.ready(b"1", "fer/1", done="", now=0)
    dispatcher.offer(frame("a", 1))
    assign_all(dispatcher)
    assert dispatcher.leave(b"1", done="a-1") == "a"
    dispatcher.ready(b"2", "fer/2", done="", now=0)

    assert assign_all(dispatcher) == []


def test_more_cameras_than_allowed_are_refused_and_counted() -> None:
    dispatcher = make_dispatcher(max_cameras=2)
    for camera in "abc":
        dispatcher.offer(frame(camera, 1))

    assert dispatcher.dropped["c", DropReason.TOO_MANY_CAMERAS] == 1
    assert dispatcher.waiting == 2


def test_a_camera_that_fell_silent_makes_room_for_another() -> None:
    dispatcher = make_dispatcher(max_cameras=1)
    dispatcher.ready(b"w", "fer/w", done="", now=0)
    dispatcher.offer(frame("a", 1))
    assign_all(dispatcher)
    dispatcher.offer(frame("b", 1))

    assert dispatcher.waiting == 1
    assert dispatcher.dropped.total() == 0


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["offer", "ready", "leave", "vanish", "die"]), st.integers(0, 3)),
        max_size=200,
    )
)
def test_every_frame_is_inferred_once_or_dropped_once_or_pending(
    steps: list[tuple[str, int]],
) -> None:
    dispatcher = make_dispatcher()
    holding: dict[bytes, str] = {}
    offered = inferred = 0
    for now, (step, which) in enumerate(steps):
        identity = b"w%d" % which
        if step == "offer":
            offered += 1
            dispatcher.offer(frame(f"c{which}", offered, arrived=now))
        elif step == "ready":
            done = holding.pop(identity, "")
            inferred += dispatcher.ready(identity, "w", done=done, now=now) is not None
        elif step == "leave":
            done = holding.pop(identity, "")
            inferred += dispatcher.leave(identity, done=done) is not None
        elif step == "vanish":
            holding.pop(identity, "")
            assert dispatcher.leave(identity, done="") is None
        else:
            for dead in dispatcher.expire(now=now):
                holding.pop(dead.identity, "")
        for assignment in assign_all(dispatcher, now=now):
            holding[assignment.worker.identity] = assignment.frame.id
        assert offered == inferred + dispatcher.dropped.total() + dispatcher.pending


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["offer", "ready", "leave"]), st.integers(0, 3)), max_size=200
    )
)
def test_every_frame_is_given_out_once_or_dropped_once_or_still_waits(
    steps: list[tuple[str, int]],
) -> None:
    dispatcher = make_dispatcher()
    holding: dict[bytes, str] = {}
    offered: list[str] = []
    given_out: list[str] = []
    for step, which in steps:
        identity = b"w%d" % which
        if step == "offer":
            new = frame(f"c{which}", len(offered))
            offered.append(new.id)
            dispatcher.offer(new)
        elif step == "ready":
            dispatcher.ready(identity, "w", done=holding.pop(identity, ""), now=0)
        else:
            dispatcher.leave(identity, done=holding.pop(identity, ""))
        for assignment in assign_all(dispatcher):
            assert assignment.worker.identity not in holding
            holding[assignment.worker.identity] = assignment.frame.id
            given_out.append(assignment.frame.id)

    assert len(set(given_out)) == len(given_out)
    replaced = sum(n for (_, r), n in dispatcher.dropped.items() if r is DropReason.REPLACED)
    assert len(offered) == len(given_out) + replaced + dispatcher.waiting
