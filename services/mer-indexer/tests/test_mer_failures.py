"""Every way in which a file can be bad costs that file alone, and is named with its remedy."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from mer_sounds import tone, write_audio

from moodcue_mer_indexer.analysis import Analysed, Failure, analyse_file, run_in_processes
from moodcue_mer_indexer.model import shipped_model_folder

NOBODY = 65_534
analyse = partial(analyse_file, model_folder=shipped_model_folder())


def make_bad_files(folder: Path) -> dict[Path, str]:
    """Make a file of every kind of badness; return what each should be called."""
    song = write_audio(folder / "good.m4a", sound=tone(seconds=3)).read_bytes()
    bad = {
        "truncated.m4a": ("truncated", song[: len(song) // 2]),
        "empty.mp3": ("empty", b""),
        "mislabelled.mp3": ("not-audio", b"%PDF-1.7\n" + bytes(range(256)) * 64),
        "protected.m4a": ("protected", song.replace(b"mp4a", b"drms", 1)),
        "short.wav": (
            "too-short",
            write_audio(folder / "s.wav", sound=tone(seconds=0.2)).read_bytes(),
        ),
    }
    for name, (_, content) in bad.items():
        (folder / name).write_bytes(content)
    kinds = {folder / name: kind for name, (kind, _) in bad.items()}
    (folder / "loop.mp3").symlink_to(folder / "loop.mp3")
    # Its first byte is refused even to root, as that of a file without permission to others.
    (folder / "forbidden.mp3").symlink_to("/proc/self/mem")
    os.mkfifo(folder / "pipe.mp3")
    return kinds | dict.fromkeys(
        (folder / name for name in ("loop.mp3", "forbidden.mp3", "pipe.mp3")), "unreadable"
    )


def test_every_bad_file_is_named_and_the_good_ones_are_heard(tmp_path: Path) -> None:
    kinds = make_bad_files(tmp_path)
    paths = [*kinds, tmp_path / "good.m4a"]

    answers = dict(run_in_processes(paths, analyser=analyse, workers=2))

    found = {path: a.kind for path, a in answers.items() if isinstance(a, Failure)}
    assert found == kinds
    assert all(a.reason and a.remedy for a in answers.values() if isinstance(a, Failure))
    assert isinstance(answers[tmp_path / "good.m4a"], Analysed)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Work as a user with few rights, for root may read everything."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(mine)


def test_a_file_without_permission_is_unreadable_and_tried_again(tmp_path: Path) -> None:
    song = write_audio(tmp_path / "song.flac")
    assert isinstance(analyse(song), Analysed)
    song.chmod(0)

    with as_nobody():
        failure = analyse(song)

    assert isinstance(failure, Failure)
    assert (failure.kind, failure.lasting) == ("unreadable", False)
    assert "Permission denied" in failure.reason
    assert "permissions" in failure.remedy


def test_a_library_that_stumbles_over_a_file_is_reported_and_not_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_: Path) -> None:
        raise KeyError("TXXX")

    monkeypatch.setattr("moodcue_mer_indexer.analysis.read_tags", stumble)
    failure = analyse(write_audio(tmp_path / "song.flac"))

    assert isinstance(failure, Failure)
    assert failure.kind == "unexpected"
    assert "TXXX" in failure.reason


def test_an_hour_is_heard_at_as_many_places_as_a_song(tmp_path: Path) -> None:
    path = tmp_path / "mix.flac"
    block = np.zeros((1, 8_000 * 60), dtype=np.int16)
    block[0, ::40] = 12_000
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=8_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        for minute in range(60):
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 8_000, minute * block.size
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    found = analyse(path)

    assert isinstance(found, Analysed)
    assert found.tags.duration_seconds == pytest.approx(3600, abs=1)
    moments = found.emotion.trajectory
    assert 10 <= len(moments) <= 20
    assert moments[-1].seconds > 3200
