"""The measurement of scaling, at small sizes: what it says of frames is what happened to them."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

import scaling
from moodcue_fer.pictures import decode_grey
from scaling_cameras import TINY_SIZE, Sent, people, tiny_picture
from scaling_figures import balance, medians, percentiles_ms, shares
from scaling_listener import Moment
from scaling_runs import Load, run_broker, run_joining, run_waiting, run_without_broker
from scaling_system import System

pytestmark = pytest.mark.timeout(240)

TINY = Load(cameras=20, total_rate=150, pictures=[[tiny_picture(5_000)]], size=TINY_SIZE, seconds=3)


def test_every_frame_that_waiting_workers_could_not_take_is_counted_as_dropped() -> None:
    record = run_waiting(2, load=TINY, wait_seconds=0.05)

    assert record["balanced"]
    assert (
        record["sent"]
        == record["received"]
        == record["handed_out"] + sum(record["dropped"].values())
    )
    assert record["read"] == record["handed_out"] > 0
    assert record["dropped"]["replaced"] > 0
    assert record["work_ms"]["p50"] >= 50
    assert record["age_ms"]["p50"] > record["work_ms"]["p50"]


def test_cameras_of_unequal_speed_get_equal_shares_of_a_worker_that_is_too_slow() -> None:
    record = run_waiting(1, load=replace(TINY, seconds=4, warm_up_seconds=2), wait_seconds=0.04)

    assert record["rates"] == [6, 12]
    assert record["per_camera"]["fewest"] >= 1
    assert record["per_camera"]["most"] - record["per_camera"]["fewest"] <= 2


def test_every_frame_reaches_a_taker_or_is_counted_as_dropped() -> None:
    record = run_broker(4, load=TINY, cores=frozenset())

    assert record["balanced"]
    assert record["sent"] == record["received"] > 0
    assert record["read"] == record["handed_out"]
    assert set(record["camera_to_worker_ms"]) == {"p50", "p95", "p99"}


def test_frames_reach_a_taker_without_a_broker() -> None:
    record = run_without_broker(load=TINY, cores=frozenset())

    assert 0 < record["taken"] <= record["sent"]


def test_a_worker_that_joins_busy_ones_gets_frames() -> None:
    with System() as system:
        system.start_waiting_workers(1, wait_seconds=0.2)
        system.start_cameras(TINY.plans(), processes=1)
        listener = system.listener
        listener.listen_until(
            lambda: len(listener.readings) >= 3, seconds=30, what="the first is at work"
        )
        system.start_waiting_workers(1, wait_seconds=0.2)

        listener.listen_until(
            lambda: len({each.source for each in listener.readings}) == 2,
            seconds=30,
            what="a reading of the second worker",
        )


def test_a_real_worker_that_joins_reads_faces() -> None:
    load = Load(
        cameras=4,
        total_rate=400,
        pictures=people(2, pictures=3, rate=10),
        size=(640, 480),
        seconds=1,
    )

    assert run_joining(load=load)["seconds_from_start_of_process"] > 0


def test_the_command_prints_its_records_and_draws_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--cameras", "4", "--total-rate", "60", "--frame-bytes", "2000", "--seconds", "1"]
    drawn = tmp_path / "scaling.png"

    code = scaling.main(
        ["waiting", "--workers", "1", "--repeats", "1", *sizes, "--plot", str(drawn)]
    )

    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert [record["part"] for record in records] == ["machine", "waiting", "waiting, medians"]
    assert records[-1]["read_per_second"] == records[1]["read_per_second"]
    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_a_part_that_does_not_exist_is_refused_with_those_that_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        scaling.main(["brokr"])

    message = capsys.readouterr().err
    assert "'brokr'" in message
    assert "broker, waiting, faces, joining" in message


def moment(**counters: float) -> Moment:
    return Moment(time=time.time_ns(), counters=counters, readings=0, cpu_seconds=0)


@pytest.mark.parametrize(
    ("sent", "read", "lost", "balanced"),
    [(100, 60, 0, True), (100, 59, 1, True), (101, 60, 0, False), (100, 59, 0, False)],
)
def test_a_frame_that_is_nowhere_unbalances_the_account(
    sent: int, read: int, lost: int, *, balanced: bool
) -> None:
    before = moment(frames_received=3, frames_inferred=1, frames_dropped=1, frames_pending=1)
    last = moment(
        frames_received=100,
        frames_dispatched=60,
        frames_inferred=60,
        frames_dropped=38,
        frames_dropped_replaced=38,
        frames_pending=2,
    )

    record = balance(Sent(frames=sent), [before, last], read=read, lost=lost)

    assert record["balanced"] is balanced
    assert record["dropped"] == {"replaced": 38}


def test_an_account_that_was_wrong_meanwhile_is_unbalanced() -> None:
    before = moment(frames_received=3, frames_inferred=1, frames_dropped=0, frames_pending=1)
    last = moment(frames_received=3, frames_dispatched=2, frames_inferred=2, frames_dropped=1)

    assert balance(Sent(frames=3), [last], read=2, lost=0)["balanced"]
    assert not balance(Sent(frames=3), [before, last], read=2, lost=0)["balanced"]


def test_shares_count_cameras_that_got_nothing() -> None:
    assert shares(["a", "b", "c"], ["a", "a", "b", "a", "a", "b"]) == {
        "fewest": 0,
        "mean": 2.0,
        "most": 4,
        "furthest_from_mean": 1.0,
    }


def test_medians_compare_with_one_worker_of_the_same_part() -> None:
    runs = [
        {
            "part": "waiting",
            "workers": workers,
            "read_per_second": rate,
            "age_ms": {"p50": 1.0, "p95": 2.0, "p99": 3.0},
            "dropped_share": 0.5,
        }
        for workers, rate in [(1, 10), (4, 38), (1, 11), (4, 30), (1, 90), (4, 44)]
    ]

    assert [(record["workers"], record["times_one"]) for record in medians(runs)] == [
        (1, 1.0),
        (4, 3.45),
    ]


@pytest.mark.parametrize("length", [1_000, 50_000, 65_900, 200_001])
def test_a_tiny_picture_is_as_long_as_asked_for_and_readable(length: int) -> None:
    picture = tiny_picture(length)

    assert len(picture) == length
    assert decode_grey(picture).shape == TINY_SIZE


def test_percentiles_of_nothing_are_nothing() -> None:
    assert percentiles_ms([]) == {}
