import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from recommender_harness import opened_log

from moodcue.events import HoldReason, Recommendation
from moodcue.moods import known_words
from moodcue_recommender.cli import main
from moodcue_recommender.sample_library import random_songs, write_library

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    write_library(tmp_path / "index", random_songs(60), generation="first")
    return tmp_path / "index"


def test_a_query_prints_one_line_with_the_songs(
    index: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["query", "--index", str(index), "--emotions", "happiness=0.8,neutral=0.2"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    songs = json.loads(line)["songs"]
    assert len(songs) == 5
    for song in songs:
        assert {
            "title",
            "artist",
            "path",
            "score",
            "song",
            "valence",
            "arousal",
            "contributions",
            "reason",
        } <= song.keys()
        assert song["path"] == str(tmp_path / "music" / f"{song['title']}.mp3")
        assert sum(song["contributions"].values()) == pytest.approx(song["score"], abs=1e-6)
    assert [song["score"] for song in songs] == sorted(
        (song["score"] for song in songs), reverse=True
    )


def test_songs_can_be_compared_by_the_cosine_instead(index: Path, capsys: Capture) -> None:
    answers = []
    for matching in ("plane", "cosine"):
        query = ["query", "--index", str(index), "--emotions", "neutral=1", "-k", "20"]
        assert main([*query, "--matching", matching]) == 0
        songs = json.loads(capsys.readouterr().out)["songs"]
        answers.append([song["song"] for song in songs])
    assert set(answers[0]) != set(answers[1])


@pytest.mark.parametrize("mood", [["--mood", "calm"], ["--point", "0.6,-0.7"]])
def test_a_word_and_its_point_find_calm_songs(
    index: Path, mood: list[str], capsys: Capture
) -> None:
    assert main(["query", "--index", str(index), *mood, "-k", "3"]) == 0
    songs = json.loads(capsys.readouterr().out)["songs"]
    assert len(songs) == 3
    assert all(song["arousal"] < 0 for song in songs)


@pytest.mark.parametrize(
    ("mood", "text"),
    [
        (["--emotions", "joy=1"], "unknown emotion 'joy'; known: anger"),
        (["--emotions", "happiness"], "'happiness' is no emotion with its weight"),
        (["--emotions", "happiness=much"], "write them as happiness=0.8,neutral=0.2"),
        (["--emotions", "happiness=-1"], "the weight of happiness is -1.0"),
        (["--emotions", "happiness=nan"], "the weight of happiness is nan"),
        (["--mood", "groovy"], "unknown mood 'groovy'; known: anger"),
        (["--point", "0.5"], "'0.5' is no point; write valence and arousal as 0.6,-0.7"),
        (["--point", "a,b"], "'a,b' is no point"),
        (["--point", "2,0"], "valence is 2.0; give a number from -1 to 1"),
    ],
)
def test_a_wrong_mood_gives_one_clear_line(
    index: Path, mood: list[str], text: str, capsys: Capture
) -> None:
    assert main(["query", "--index", str(index), *mood]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert text in captured.err
    assert captured.err.count("\n") == 1


def test_a_missing_index_gives_one_clear_line(tmp_path: Path, capsys: Capture) -> None:
    assert main(["query", "--index", str(tmp_path / "none"), "--mood", "calm"]) == 1
    error = capsys.readouterr().err
    assert "no index at" in error
    assert "moodcue-mer-indexer build" in error


@pytest.mark.parametrize("count", ["0", "51", "many"])
def test_a_count_out_of_bounds_is_refused(index: Path, count: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["query", "--index", str(index), "--mood", "calm", "-k", count])
    assert "argument -k" in capsys.readouterr().err


def test_the_log_is_printed_as_json_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    with opened_log(tmp_path) as log:
        for camera, seq in (("kitchen", 1), ("hall", 1), ("kitchen", 2)):
            log.append(
                Recommendation(
                    id=f"{camera}-{seq}",
                    source=log.source,
                    seq=seq,
                    time=0,
                    trace="",
                    camera=camera,
                    window=f"window-{camera}-{seq}",
                    hold=HoldReason.NOBODY,
                )
            )
    monkeypatch.setenv("MOODCUE_RECOMMENDER_STATE_DIR", str(tmp_path))

    def printed(*options: str) -> list[str]:
        assert main(["log", *options]) == 0
        return [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]

    assert printed() == ["kitchen-1", "hall-1", "kitchen-2"]
    assert printed("--since", "1") == ["kitchen-2"]
    assert printed("--camera", "hall", "--state-dir", str(tmp_path)) == ["hall-1"]


def test_a_missing_log_gives_one_clear_line(tmp_path: Path, capsys: Capture) -> None:
    assert main(["log", "--state-dir", str(tmp_path)]) == 1
    assert "no log at" in capsys.readouterr().err


def test_a_wrong_setting_gives_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("MOODCUE_RECOMMENDER_SONGS", "0")
    assert main(["run"]) == 1
    assert "MOODCUE_RECOMMENDER_SONGS=0" in capsys.readouterr().err


def test_the_bench_prints_its_figures_and_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "moodcue_recommender", "bench", "--songs", "50", "--windows", "9"],
        capture_output=True,
        check=True,
    )
    figures = json.loads(done.stdout)
    assert (figures["songs"], figures["windows"]) == (50, 9)
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]


def test_the_readme_names_every_mood_word() -> None:
    (words,) = re.findall(r"<!-- moods -->\n(.*?)\n<!-- end -->", README, re.DOTALL)
    assert re.findall(r"[a-z]+", words) == known_words()
