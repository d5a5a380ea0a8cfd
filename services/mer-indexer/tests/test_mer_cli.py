import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mer_datasets import make_dataset
from mer_sounds import tone, write_audio

from moodcue.bus import BusAddress
from moodcue.library_index import read_manifest
from moodcue.songs import open_songs
from moodcue.taxonomy import EMOTIONS, QUADRANTS
from moodcue_mer_indexer.cli import main
from moodcue_mer_indexer.commands import FILES_FAILED
from moodcue_mer_indexer.composer.library import compose_library, plan_library
from moodcue_mer_indexer.model import MerModel, shipped_model_folder


def results(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def nobody_listens(monkeypatch: pytest.MonkeyPatch, address: BusAddress) -> None:
    """Point at a broker that is not there, and do not wait for it."""
    monkeypatch.setenv("MOODCUE_BUS_PORT", str(address.port))
    monkeypatch.setenv("MOODCUE_MER_INDEXER_ANNOUNCE_SECONDS", "0")


def test_help_and_version_come_without_the_heavy_libraries() -> None:
    code = (
        "import sys; from moodcue_mer_indexer import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'librosa', 'numba', 'torch', 'faiss', 'onnxruntime'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "predict" in done.stdout


def test_serving_imports_no_training_library() -> None:
    code = (
        "import sys; from moodcue_mer_indexer import commands\n"
        "heavy = {'torch', 'onnx', 'onnxscript', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_predict_prints_one_object_per_file_and_names_what_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = write_audio(tmp_path / "Lied ö.flac", sound=tone(seconds=3))
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"words" * 1000)

    code = main(["predict", str(song), str(broken)])

    first, second = results(capsys)
    assert code == FILES_FAILED
    assert first["path"] == str(song)
    assert list(first["quadrants"]) == list(QUADRANTS)
    assert list(first["emotions"]) == list(EMOTIONS)
    assert sum(first["quadrants"].values()) == pytest.approx(1.0, abs=1e-5)
    assert sum(first["emotions"].values()) == pytest.approx(1.0)
    assert -1 <= first["valence"] <= 1
    assert -1 <= first["arousal"] <= 1
    assert second.keys() == {"path", "error"}
    assert second["error"].keys() == {"kind", "reason", "remedy"}
    assert main(["predict", str(song)]) == 0


def test_facts_say_how_loud_and_bright_a_file_is_and_name_what_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = write_audio(tmp_path / "song.flac", sound=tone(seconds=3))
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"words" * 1000)

    code = main(["facts", str(song), str(broken)])

    first, second = results(capsys)
    assert code == FILES_FAILED
    assert -60 < first["loudness_dbfs"] < 0
    assert 20 < first["centroid_hertz"] < first["roll_off_hertz"] + first["bandwidth_hertz"]
    assert first["tempo_bpm"] is None
    assert second["error"].keys() == {"kind", "reason", "remedy"}


def test_predict_with_processes_gives_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = str(write_audio(tmp_path / "song.flac", sound=tone(seconds=3)))

    main(["predict", song])
    main(["predict", song, "--workers", "2"])

    alone, shared = results(capsys)
    assert alone == shared


def test_build_prints_a_summary_and_reports_broken_files_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], nobody_listens: None
) -> None:
    del nobody_listens
    music = tmp_path / "music"
    music.mkdir()
    write_audio(music / "a.opus", sound=tone(seconds=3), tags={"title": "A", "artist": "B"})
    (music / "empty.flac").touch()
    index = tmp_path / "index"

    assert main(["build", str(music), "--index", str(index), "--workers", "1"]) == FILES_FAILED
    (music / "empty.flac").unlink()
    assert main(["build", str(music), "--index", str(index), "--workers", "1"]) == 0

    first, second = results(capsys)
    assert (first["songs"], first["analysed"], first["failed"]) == (1, 1, 1)
    assert first["failed_by_kind"] == {"empty": 1}
    assert first["failures"]["empty.flac"] == {
        "kind": "empty",
        "reason": "the file is empty (0 bytes)",
        "remedy": "copy it again",
    }
    assert (first["published"], first["announced"]) == (True, False)
    assert 50 < first["peak_memory_mb"] < 3000
    assert (second["analysed"], second["unchanged"], second["published"]) == (0, 1, False)
    assert second["generation"] == first["generation"] == read_manifest(index).generation
    (song,) = open_songs(index, read_manifest(index))
    emotion = MerModel(shipped_model_folder()).song_emotion(music / "a.opus")
    assert song.emotions == pytest.approx(emotion.emotions)


def test_an_empty_library_is_one_clear_line_and_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], nobody_listens: None
) -> None:
    del nobody_listens

    code = main(["build", str(tmp_path), "--index", str(tmp_path / "index")])

    captured = capsys.readouterr()
    assert code == 1
    assert captured.out == ""
    assert "moodcue-mer-indexer compose" in captured.err
    assert "Traceback" not in captured.err


def test_evaluate_measures_songs_that_the_model_has_never_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_dataset(tmp_path / "data", songs=4, seed=5)
    (data / "00.flac").write_bytes(b"")

    assert main(["evaluate", "--dataset", "4q", str(data), "--workers", "1"]) == 0

    (report,) = results(capsys)
    assert (report["n"], report["protocol"], report["seen_in_training"]) == (3, "held out", 0)
    assert list(report["failed"]) == ["00.flac"]
    assert {"macro_f1", "weighted_f1", "accuracy", "arousal_accuracy"} <= report.keys()
    assert 0 <= report["macro_f1"] <= 1


def test_evaluate_says_when_songs_were_in_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shared_data: Path
) -> None:
    known = next((shared_data / "4q" / "Q2").glob("*.opus"))
    data = tmp_path / "data"
    data.mkdir()
    (data / "renamed.opus").write_bytes(known.read_bytes())
    (data / "labels.csv").write_text("file,quadrant,artist\nrenamed.opus,Q2,Somebody\n")

    main(["evaluate", "--dataset", "4q", str(data), "--workers", "1"])

    (report,) = results(capsys)
    assert (report["protocol"], report["seen_in_training"]) == ("training songs", 1)
    assert report["cross_validation"]["protocol"].startswith("artist-disjoint")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (None, "labels.csv is missing"),
        ("file,quadrant\n", "lacks the columns artist"),
        ("file,quadrant,artist\na.mp3,Q7,X\n", "'Q7'"),
        ("file,quadrant,artist\n", "has no rows"),
        ("file,quadrant,artist\nmissing.mp3,Q1,X\n", "no song of the dataset"),
    ],
)
def test_evaluate_refuses_another_layout_with_the_offending_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], labels: str | None, words: str
) -> None:
    if labels is not None:
        (tmp_path / "labels.csv").write_text(labels)

    code = main(["evaluate", "--dataset", "4q", str(tmp_path), "--workers", "1"])

    assert code == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", [["--folds", "1"], ["--epochs", "0"], ["--seed", "-1"], ["--jobs", "many"]]
)
def test_a_number_that_no_run_can_have_is_refused_with_what_would_do(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["train", "data", "--out", "run", *option])
    told = f"argument {option[0]}: {option[1]!r} is no whole number from"
    assert told in capsys.readouterr().err


def test_evaluate_publishes_no_index_of_songs_that_a_model_was_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = tmp_path / "index"

    code = main(["evaluate", "--dataset", "4q", str(tmp_path), "--index", str(index)])

    assert code == 1
    assert "give --out-of-fold RUN" in capsys.readouterr().err
    assert not index.exists()


def test_a_model_whose_weights_were_changed_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in shipped_model_folder().iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"other weights")

    assert main(["predict", "song.mp3", "--model", str(tmp_path)]) == 1
    assert "export the model again" in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_run_completes_an_interrupted_demo_library_and_indexes_it(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    nobody_listens: None,
) -> None:
    del nobody_listens
    music, index = tmp_path / "music", tmp_path / "index"
    for name, value in {
        "COMPOSE_DIR": str(music),
        "INDEX_DIR": str(index),
        "COMPOSE_PIECES": "4",
        "WORKERS": "1",
    }.items():
        monkeypatch.setenv(f"MOODCUE_MER_INDEXER_{name}", value)
    next(iter(compose_library(music, pieces=4, seed=1, workers=1)))
    (music / plan_library(pieces=4, seed=1)[2].file_name).unlink(missing_ok=True)

    assert main(["run"]) == 0

    (summary,) = results(capsys)
    assert (summary["songs"], summary["failed"]) == (4, 0)
    titles = {song.title for song in open_songs(index, read_manifest(index))}
    assert titles == {piece.credit.title for piece in plan_library(pieces=4, seed=1)}


def test_run_leaves_a_music_folder_with_other_music_alone(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    nobody_listens: None,
) -> None:
    del nobody_listens
    music = tmp_path / "music"
    music.mkdir()
    write_audio(music / "mine.flac", sound=tone(seconds=2))
    monkeypatch.setenv("MOODCUE_MER_INDEXER_MUSIC_DIR", str(music))
    monkeypatch.setenv("MOODCUE_MER_INDEXER_INDEX_DIR", str(tmp_path / "index"))
    monkeypatch.setenv("MOODCUE_MER_INDEXER_WORKERS", "1")

    assert main(["run"]) == 0

    assert [path.name for path in music.iterdir()] == ["mine.flac"]
    assert results(capsys)[0]["songs"] == 1


def test_run_never_writes_into_the_listeners_folder(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    nobody_listens: None,
) -> None:
    del nobody_listens
    music, composed = tmp_path / "music", tmp_path / "composed"
    music.mkdir()
    for name, value in {
        "MUSIC_DIR": str(music),
        "COMPOSE_DIR": str(composed),
        "INDEX_DIR": str(tmp_path / "index"),
        "COMPOSE_PIECES": "4",
        "COMPOSE_IF_EMPTY": "false",
        "WORKERS": "1",
    }.items():
        monkeypatch.setenv(f"MOODCUE_MER_INDEXER_{name}", value)

    assert main(["run"]) == 1
    assert str(music) in capsys.readouterr().err

    monkeypatch.setenv("MOODCUE_MER_INDEXER_COMPOSE_IF_EMPTY", "true")
    composed.mkdir()
    for piece in plan_library(pieces=4, seed=1):
        write_audio(composed / piece.file_name, sound=tone(seconds=2))
    assert main(["run"]) == 0

    assert list(music.iterdir()) == []
    assert results(capsys)[0]["songs"] == 4


def test_an_unknown_setting_is_refused_with_the_known_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODCUE_MER_INDEXER_MUSIC_DIRECTORY", "x")

    assert main(["run"]) == 1

    assert "did you mean MOODCUE_MER_INDEXER_MUSIC_DIR?" in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_the_composed_library_is_heard_as_it_is_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compose", str(tmp_path), "--pieces", "8", "--check"]) == 0

    (result,) = results(capsys)
    assert (result["written"], result["kept"]) == (8, 0)
    assert min(result["check"]["quadrants"].values()) >= 1
    assert result["check"]["valence_spearman"] > 0.5
    assert result["check"]["arousal_spearman"] > 0.5
