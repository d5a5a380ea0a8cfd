"""The measurement of scaling, at small sizes: what it says of frames is what happened to them."""

import json
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO

import pytest

import scaling
from moodcue_fer.pictures import decode_grey
from scaling_cameras import TINY_SIZE, Sent, people, tiny_picture
from scaling_figures import Record, balance, medians, percentiles_ms, shares
from scaling_listener import Moment
from scaling_runs import Load, run_joining
from scaling_system import System

pytestmark = pytest.mark.timeout(240)

SIZES = {
    "--workers": "1",
    "--wait-ms": "60",
    "--cameras": "10",
    "--total-rate": "75",
    "--broker-rates": "75",
    "--frame-bytes": "5000",
    "--seconds": "3",
    "--repeats": "1",
}
"""A worker reads 16 frames a second at most; cameras send several more before their turn comes."""


@dataclass(frozen=True)
class Printed:
    """What the command has printed and drawn."""

    records: list[Record]
    picture: bytes

    def record(self, part: str) -> Record:
        """Return the only record of a part."""
        [found] = [record for record in self.records if record["part"] == part]
        return found


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Printed:
    """What two parts of the measurement come to at small sizes."""
    drawn = tmp_path_factory.mktemp("scaling") / "scaling.png"
    sizes = [word for pair in SIZES.items() for word in pair]
    output = StringIO()
    with redirect_stdout(output):
        assert scaling.main(["broker", "waiting", *sizes, "--plot", str(drawn)]) == 0
    records = [json.loads(line) for line in output.getvalue().splitlines()]
    return Printed(records, drawn.read_bytes())


def test_each_run_is_a_record_and_the_medians_are_drawn(printed: Printed) -> None:
    parts = [record["part"] for record in printed.records]

    assert parts == ["machine", "without broker", "broker", "waiting", "waiting, medians"]
    assert printed.picture.startswith(b"\x89PNG")
    median, run = printed.record("waiting, medians"), printed.record("waiting")
    assert (median["workers"], median["times_one"]) == (1, 1.0)
    assert median["read_per_second"] == run["read_per_second"] > 0


@pytest.mark.parametrize("part", ["waiting", "broker"])
def test_every_frame_of_a_run_was_read_or_is_counted_as_dropped(
    printed: Printed, part: str
) -> None:
    record = printed.record(part)

    assert record["balanced"]
    assert record["sent"] == record["received"] == record["read"] + sum(record["dropped"].values())
    assert record["read"] == record["handed_out"] > 0


def test_what_a_waiting_worker_could_not_take_was_replaced_by_newer_frames(
    printed: Printed,
) -> None:
    record = printed.record("waiting")

    assert record["dropped"]["replaced"] > 0
    assert record["work_ms"]["p50"] >= 60
    assert record["age_ms"]["p50"] > record["work_ms"]["p50"]


def test_cameras_of_unequal_speed_get_equal_shares_of_a_worker_that_is_too_slow(
    printed: Printed,
) -> None:
    record = printed.record("waiting")

    slow, fast = record["rates"]
    assert fast == pytest.approx(2 * slow, rel=0.01)
    assert record["per_camera"]["fewest"] >= 1
    assert record["per_camera"]["most"] - record["per_camera"]["fewest"] <= 2


def test_frames_reach_a_taker_without_a_broker(printed: Printed) -> None:
    record = printed.record("without broker")

    assert 0 < record["taken"] <= record["sent"]
    assert set(record["camera_to_taker_ms"]) == {"p50", "p95", "p99"}


def test_a_worker_that_joins_busy_ones_gets_frames() -> None:
    pictures = [[tiny_picture(5_000)]]
    load = Load(cameras=4, total_rate=40, pictures=pictures, size=TINY_SIZE, seconds=1)
    with System() as system:
        system.start_waiting_workers(1, wait_seconds=0.2)
        system.start_cameras(load.plans(), processes=1)
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


@pytest.mark.parametrize("length", [1_000, 50_000])
def test_a_tiny_picture_is_as_long_as_asked_for_and_readable(length: int) -> None:
    picture = tiny_picture(length)

    assert len(picture) == length
    assert decode_grey(picture).shape == TINY_SIZE


def test_percentiles_of_nothing_are_nothing() -> None:
    assert percentiles_ms([]) == {}
