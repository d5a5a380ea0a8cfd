import time
from pathlib import Path

from mer_sounds import tone, write_audio

from moodcue_mer_indexer.bench import Stopwatch, measure
from moodcue_mer_indexer.model import shipped_model_folder


def work(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_stage_is_charged_without_what_runs_inside_it() -> None:
    watch = Stopwatch()

    def slow() -> list[int]:
        work(0.02)
        return [1, 2]

    with watch.stage("outer"):
        work(0.1)
        for _ in watch.each("inner", (item for item in slow())):
            work(0.01)

    assert 0.11 < watch.seconds["outer"] < 0.19
    assert watch.seconds["inner"] < 0.05


def test_a_bench_counts_all_the_audio_and_all_the_time(tmp_path: Path) -> None:
    paths = [write_audio(tmp_path / f"{n}.mp3", sound=tone(seconds=6)) for n in range(2)]

    result = measure(paths, model_folder=shipped_model_folder())

    assert result["files"] == 2
    assert abs(result["audio_minutes"] - 0.2) < 0.01
    assert {"tags", "decode", "mel", "network"} <= result["stages"].keys()
    assert abs(sum(result["stages"].values()) - result["processor_seconds"]) < 0.05
    assert result["times_real_time"] > 1
    assert 50 < result["peak_memory_mb"] < 2000
