import random
from collections import Counter
from itertools import pairwise

from aggregator_scenes import play, scripts
from hypothesis import given, settings
from hypothesis import strategies as st

from moodcue.events import EmotionWindow, Face, FaceEmotion, FrameStatus
from moodcue.identity import NS_PER_SECOND
from moodcue_aggregator.restore import earlier_source, last_numbers, restore
from moodcue_aggregator.summary import HoldRules, summarise
from moodcue_aggregator.tracks import TrackRules
from moodcue_aggregator.window import ClosedWindow, WindowRules, Windows

S = NS_PER_SECOND
ORIGIN = 1_790_000_000 * S
RULES = WindowRules(
    length=15 * S,
    lateness=1 * S,
    idle_grace=2 * S,
    tracks=TrackRules(silence=2 * S, memory=120 * S, max_remembered=16),
    max_cameras=4,
    max_frames=10_000,
)
HOLD_RULES = HoldRules(
    min_coverage=0.2, min_confidence=0.3, disagreement_distance=0.6, majority_share=0.6
)
NOW = 0
"""A clock that stands still: only capture times decide."""


def event(
    seconds: float, *, camera: str = "kitchen", frame: str = "", answer: str = ""
) -> FaceEmotion:
    """One frame, five a second, with one happy face that wanders to the right."""
    time = ORIGIN + round(seconds * S)
    name = frame or f"{camera}-{time}"
    happiness = 0.4 + 0.5 * random.Random(time).random()
    rest = (1 - happiness) / 6
    box = (100 + int(seconds * 10), 100, 80, 80)
    face = Face(box=box, score=0.9, probabilities=(rest, rest, rest, happiness, rest, rest, rest))
    return FaceEmotion(
        id=answer or f"answer-{name}",
        source="fer/1",
        seq=1,
        time=time,
        trace=f"trace-{name}",
        camera=camera,
        frame_id=name,
        frame_seq=1,
        rate=5,
        width=640,
        height=480,
        status=FrameStatus.OK,
        faces=(face,),
    )


def feed(windows: Windows, *events: FaceEmotion, now: int = NOW) -> list[ClosedWindow]:
    return [closed for e in events for closed in windows.add(e, now=now)]


def flush(windows: Windows, *, now: int = NOW + 3600 * S) -> list[ClosedWindow]:
    return windows.tick(now=now)


def spans(closed: list[ClosedWindow]) -> list[tuple[float, float, int]]:
    return [((w.start - ORIGIN) / S, (w.end - ORIGIN) / S, len(w.frames)) for w in closed]


def steady(start: float, end: float, *, camera: str = "kitchen") -> list[FaceEmotion]:
    return [event(t / 5, camera=camera) for t in range(round(start * 5), round(end * 5))]


def as_events(closed: list[ClosedWindow]) -> list[EmotionWindow]:
    return [
        summarise(window, rules=HOLD_RULES, source="aggregator/1", seq=number)
        for number, window in enumerate(closed, start=1)
    ]


def test_a_window_closes_when_a_frame_is_the_lateness_behind_its_end() -> None:
    windows = Windows(RULES)
    assert feed(windows, *steady(0, 16)) == []
    assert spans(feed(windows, event(16))) == [(0, 15, 75)]


def test_the_first_frame_anchors_and_the_windows_follow_each_other() -> None:
    closed = feed(Windows(RULES), *steady(3, 50))
    assert spans(closed) == [(3, 18, 75), (18, 33, 75), (33, 48, 75)]


def test_a_frame_at_the_end_of_a_window_belongs_to_the_next() -> None:
    windows = Windows(RULES)
    closed = feed(windows, event(0), event(15), event(31))
    assert spans(closed) == [(0, 15, 1), (15, 30, 1)]


def test_a_frame_behind_a_closed_window_is_dropped_and_counted() -> None:
    windows = Windows(RULES)
    feed(windows, *steady(0, 17))
    assert feed(windows, event(14.9)) == []
    assert windows.counts.late == 1


def test_a_frame_from_before_the_anchor_moves_it_within_the_lateness() -> None:
    windows = Windows(RULES)
    closed = feed(windows, event(1), event(0.2), event(15.1), event(16.2))
    assert spans(closed) == [(0.2, 15.2, 3)]
    assert windows.counts.late == 0


def test_a_frame_from_long_before_the_anchor_is_late() -> None:
    windows = Windows(RULES)
    assert spans(feed(windows, event(2), event(0.9), event(18))) == [(2, 17, 1)]
    assert windows.counts.late == 1


def test_a_frame_that_comes_twice_counts_once_whichever_answer_is_first() -> None:
    one, other = event(0, answer="a"), event(0, answer="b")
    for order in ([one, other], [other, one]):
        windows = Windows(RULES)
        (closed,) = feed(windows, *order, event(16))
        assert closed.frames == (one,)
        assert windows.counts.duplicates == 1


def test_silence_closes_the_open_window_then_gives_one_empty_window_then_nothing() -> None:
    windows = Windows(RULES)
    feed(windows, *steady(0, 5), now=0)
    assert windows.tick(now=13 * S) == []
    assert spans(windows.tick(now=14 * S)) == [(0, 15, 25)]
    assert windows.tick(now=28 * S) == []
    assert spans(windows.tick(now=29 * S)) == [(15, 30, 0)]
    assert windows.tick(now=3600 * S) == []


def test_a_camera_that_returns_anchors_anew_at_its_first_frame() -> None:
    windows = Windows(RULES)
    feed(windows, *steady(0, 5), now=0)
    flush(windows)
    assert spans(feed(windows, *steady(100, 117), now=7200 * S)) == [(100, 115, 75)]


def test_a_gap_gives_the_same_windows_with_and_without_the_clock() -> None:
    before, after = steady(0, 20), steady(100, 140)
    silent = Windows(RULES)
    waited = [*feed(silent, *before), *flush(silent), *feed(silent, *after, now=3600 * S)]
    assert spans(waited) == [(0, 15, 75), (15, 30, 25), (30, 45, 0), (100, 115, 75), (115, 130, 75)]
    assert feed(Windows(RULES), *before, *after) == waited


def test_a_camera_that_returns_within_the_empty_window_keeps_its_anchor() -> None:
    closed = feed(Windows(RULES), event(0), event(29), event(35))
    assert spans(closed) == [(0, 15, 1), (15, 30, 1)]


def test_a_clock_of_the_camera_that_is_an_hour_off_does_not_close_windows_early() -> None:
    windows = Windows(RULES)
    feed(windows, *steady(0, 5), now=3600 * S)
    assert windows.tick(now=3601 * S) == []


def test_a_camera_whose_clock_was_set_back_goes_on_after_half_a_minute() -> None:
    windows = Windows(RULES)
    feed(windows, *steady(1000, 1005))
    closed = feed(windows, *steady(0, 60))
    assert spans(closed) == [(1000, 1015, 25), (30, 45, 75)]
    assert windows.counts.late == 150
    assert windows.counts.clocks_set_back == 1


def test_one_frame_from_the_future_costs_a_minute_at_most() -> None:
    windows = Windows(RULES)
    frames = [*steady(0, 5), event(9000), *steady(5, 100)]
    complete = [span for span in spans(feed(windows, *frames)) if span[2] == 75]
    assert complete[0][0] <= 60
    assert len(complete) >= 3


def test_cameras_do_not_touch_each_other() -> None:
    one, other = steady(0, 40), steady(7, 40, camera="studio")
    together = feed(Windows(RULES), *sorted(one + other, key=lambda e: e.time))
    apart = feed(Windows(RULES), *one) + feed(Windows(RULES), *other)
    assert sorted(together, key=str) == sorted(apart, key=str)


def test_the_camera_silent_for_longest_falls_out_and_is_counted() -> None:
    evicted: list[str] = []
    windows = Windows(RULES, on_evicted=evicted.append)
    for camera in ("a", "b", "c", "d", "a", "e"):
        feed(windows, event(0, camera=camera))
    assert evicted == ["b"]
    assert (len(windows), windows.counts.evicted_cameras) == (4, 1)


def test_a_window_keeps_a_bounded_number_of_frames_and_closes_all_the_same() -> None:
    rules = WindowRules(
        length=15 * S,
        lateness=0,
        idle_grace=0,
        tracks=TrackRules(silence=S, memory=120 * S, max_remembered=16),
        max_cameras=1,
        max_frames=50,
    )
    windows = Windows(rules)
    assert spans(feed(windows, *steady(0, 15.2))) == [(0, 15, 50)]
    assert windows.counts.overflowed == 26


arrivals = st.lists(st.floats(0, 100), min_size=1, max_size=60, unique=True).flatmap(
    lambda times: st.tuples(
        st.just(times), st.lists(st.floats(0, 0.99), min_size=len(times), max_size=len(times))
    )
)
"""Capture times and, for each, how much later than its capture the frame comes."""


def in_arrival_order(times: list[float], delays: list[float]) -> list[FaceEmotion]:
    order = sorted(zip(times, delays, strict=True), key=lambda pair: pair[0] + pair[1])
    return [event(time, frame=f"f-{time!r}") for time, _ in order]


@settings(deadline=None)
@given(arrivals)
def test_the_order_of_arrival_within_the_lateness_does_not_matter(
    drawn: tuple[list[float], list[float]],
) -> None:
    times, delays = drawn
    shuffled, sorted_ = Windows(RULES), Windows(RULES)
    one = feed(shuffled, *in_arrival_order(times, delays)) + flush(shuffled)
    other = feed(sorted_, *in_arrival_order(times, [0.0] * len(times))) + flush(sorted_)
    assert as_events(one) == as_events(other)
    assert shuffled.counts.late == 0


@settings(deadline=None)
@given(arrivals)
def test_every_frame_is_in_exactly_one_window(drawn: tuple[list[float], list[float]]) -> None:
    events = in_arrival_order(*drawn)
    windows = Windows(RULES)
    closed = feed(windows, *events) + flush(windows)
    placed = Counter(frame.frame_id for window in closed for frame in window.frames)
    assert placed == Counter(e.frame_id for e in events)
    for window in closed:
        assert all(window.start <= frame.time < window.end for frame in window.frames)


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_a_frame_is_placed_or_counted_in_whichever_order_frames_come(times: list[float]) -> None:
    windows = Windows(RULES)
    events = [event(time, frame=str(i)) for i, time in enumerate(times)]
    closed = feed(windows, *events) + flush(windows)
    placed = [frame.frame_id for window in closed for frame in window.frames]
    assert len(placed) == len(set(placed))
    assert len(placed) + windows.counts.late == len(events)


@settings(deadline=None)
@given(arrivals)
def test_windows_tile_time_except_after_an_empty_one(
    drawn: tuple[list[float], list[float]],
) -> None:
    windows = Windows(RULES)
    closed = feed(windows, *in_arrival_order(*drawn)) + flush(windows)
    for before, after in pairwise(closed):
        assert before.end - before.start == RULES.length
        assert after.start == before.end if before.frames else after.start >= before.end
        assert before.frames or after.frames


@settings(deadline=None)
@given(arrivals, st.lists(st.integers(0, 3), min_size=60, max_size=60))
def test_the_interleaving_of_cameras_does_not_matter(
    drawn: tuple[list[float], list[float]], owners: list[int]
) -> None:
    events = [
        event(time, camera=f"c{owner}", frame=f"f-{time!r}")
        for time, owner in zip(drawn[0], owners, strict=False)
    ]
    by_time = sorted(events, key=lambda e: e.time)
    by_camera = sorted(by_time, key=lambda e: e.camera)
    results = []
    for order in (by_time, by_camera):
        windows = Windows(RULES)
        closed = feed(windows, *order) + flush(windows)
        results.append(sorted(closed, key=lambda w: (w.camera, w.start)))
    assert results[0] == results[1]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 400), st.floats(0, 0.6), st.integers(0, 2**32))
def test_a_restart_at_any_moment_changes_no_window(cut: int, miss: float, seed: int) -> None:
    chance = random.Random(seed)
    log = [e for e in [*steady(0, 40), *steady(95, 130)] if chance.random() > miss]
    uninterrupted = Windows(RULES)
    expected = as_events(feed(uninterrupted, *log) + flush(uninterrupted))

    first = Windows(RULES)
    emitted = as_events(feed(first, *log[:cut]))
    second = Windows(RULES)
    missed = restore(second, past=emitted, frames=log[:cut], now=NOW)
    rest = missed + feed(second, *log[cut:]) + flush(second)
    assert missed == []
    renumbered = [
        summarise(window, rules=HOLD_RULES, source="aggregator/1", seq=number)
        for number, window in enumerate(rest, start=len(emitted) + 1)
    ]
    assert emitted + renumbered == expected


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 170))
def test_people_who_left_before_a_restart_are_known_after_it(cut: int) -> None:
    log = [frame for frame, _ in play(scripts()["one is away for 5 s"], seed=4)]
    expected = as_events(feed(Windows(RULES), *log))

    first = Windows(RULES)
    emitted = as_events(feed(first, *log[:cut]))
    second = Windows(RULES)
    restore(second, past=emitted, frames=log[:cut], now=NOW)
    rest = as_events(feed(second, *log[cut:]))
    people = [[person.track for person in window.tracks] for window in emitted + rest]
    assert people == [[person.track for person in window.tracks] for window in expected]
    assert {track for tracks in people for track in tracks} == {1, 2}


def test_what_fell_due_while_nobody_was_there_is_emitted_at_the_restart() -> None:
    first = Windows(RULES)
    emitted = as_events(feed(first, *steady(0, 20)))
    second = Windows(RULES)
    missed = restore(second, past=emitted, frames=steady(0, 50), now=NOW)
    assert spans(missed) == [(15, 30, 75), (30, 45, 75)]


def test_a_restart_without_frames_gives_the_one_empty_window_that_was_due() -> None:
    emitted = as_events(feed(Windows(RULES), *steady(0, 17)))
    second = Windows(RULES)
    assert restore(second, past=emitted, frames=[], now=0) == []
    (closed,) = flush(second)
    assert spans([closed]) == [(15, 30, 0)]
    assert closed.rate == 5


def test_a_restart_after_an_empty_window_says_nothing_until_the_camera_returns() -> None:
    first = Windows(RULES)
    emitted = as_events(feed(first, *steady(0, 5)) + flush(first))
    second = Windows(RULES)
    restore(second, past=emitted, frames=steady(0, 5), now=0)
    assert flush(second) == []


def test_only_numbers_of_the_same_source_are_gone_on_with() -> None:
    past = as_events(feed(Windows(RULES), *steady(0, 50)))
    assert last_numbers(past, source="aggregator/1") == {"kitchen": 3}
    assert last_numbers(past, source="aggregator/2") == {}


def test_a_name_goes_on_only_if_its_windows_are_known() -> None:
    closed = feed(Windows(RULES), *steady(0, 32))
    past = [
        summarise(window, rules=HOLD_RULES, source=f"aggregator/one-{number:06x}", seq=1)
        for number, window in enumerate(closed)
    ]

    assert len(past) == 2
    assert earlier_source(past, source="aggregator/one-ffffff") == "aggregator/one-000001"
    assert earlier_source(past, source="aggregator/two-ffffff") == "aggregator/two-ffffff"
    assert earlier_source([], source="aggregator/one-ffffff") == "aggregator/one-ffffff"
