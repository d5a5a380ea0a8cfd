import csv
import json
from pathlib import Path

import pytest
from mer_songs import make_song, publish

from moodcue.songs import Tags
from moodcue.taxonomy import EMOTIONS
from moodcue_mer_indexer.cli import main

CALM = (0.05, 0.02, 0.03, 0.9)
CALMER = (0.02, 0.01, 0.02, 0.95)
SAD = (0.05, 0.05, 0.8, 0.1)
UNSURE = (0.1, 0.1, 0.45, 0.35)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    publish(
        [
            make_song("ночь 夜/#1 ☂.mp3", CALM, artist="Ä, B", title='Two\nlines "q"'),
            make_song("b.flac", CALMER, seconds=0),
            make_song("c.opus", SAD, tags=Tags(genre="Fado", year=1999)),
            make_song("d.wav", UNSURE, duplicates=("e.mp3", "f.mp3")),
            make_song("two\nlines.mp3", CALM),
        ],
        index=tmp_path / "index",
        music=tmp_path / "music",
    )
    return tmp_path / "index"


def entries(playlist: Path) -> list[str]:
    return [line for line in playlist.read_text("utf-8").splitlines() if line[:1] != "#"]


def test_playlists_have_the_sure_songs_the_surest_first(index: Path, tmp_path: Path) -> None:
    lists = tmp_path / "lists"

    assert main(["playlists", str(index), "--out", str(lists)]) == 0

    calm = lists / "Calm and content.m3u8"
    assert entries(calm) == ["../music/b.flac", "../music/ночь 夜/#1 ☂.mp3"]
    assert entries(lists / "Sad and melancholic.m3u8") == ["../music/c.opus"]
    assert not (lists / "Tense and angry.m3u8").exists()
    text = calm.read_text("utf-8")
    assert text.startswith("#EXTM3U\n")
    assert '#EXTINF:180,Ä, B - Two lines "q"\n../music/ночь 夜/#1 ☂.mp3\n' in text
    assert "#EXTINF:-1,Artist - b\n" in text


def test_a_mood_word_has_the_songs_near_to_it_the_nearest_first(
    index: Path, tmp_path: Path
) -> None:
    assert main(["playlists", str(index), "--out", str(tmp_path / "lists")]) == 0

    words = {path.stem: entries(path) for path in (tmp_path / "lists").iterdir()}
    assert {"Calm", "Peaceful", "Relaxed"} <= words.keys()
    assert not words.keys() & {"Energetic", "Tense", "Excited"}
    assert words["Calm"][0] == "../music/ночь 夜/#1 ☂.mp3"


def test_how_sure_a_song_must_be_can_be_chosen(index: Path, tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    main(["playlists", str(index), "--out", str(lists), "--sure", "0.4"])
    assert entries(lists / "Sad and melancholic.m3u8") == ["../music/c.opus", "../music/d.wav"]

    main(["playlists", str(index), "--out", str(lists), "--sure", "0.92"])

    assert entries(lists / "Calm and content.m3u8") == ["../music/b.flac"]
    assert not (lists / "Sad and melancholic.m3u8").exists()


def test_paths_can_be_absolute_and_beside_the_music(index: Path, tmp_path: Path) -> None:
    music = tmp_path / "music"
    main(["playlists", str(index), "--out", str(tmp_path / "a"), "--absolute"])
    main(["playlists", str(index), "--out", str(music / "ночь 夜")])

    assert entries(tmp_path / "a" / "Sad and melancholic.m3u8") == [str(music / "c.opus")]
    beside = entries(music / "ночь 夜" / "Calm and content.m3u8")
    assert beside == ["../b.flac", "./#1 ☂.mp3"]


def test_a_playlist_of_somebody_else_is_left_alone(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "Calm.m3u8"
    theirs.write_text("#EXTM3U\nmine.mp3\n")

    assert main(["playlists", str(index), "--out", str(tmp_path)]) == 1

    assert "made by somebody else" in capsys.readouterr().err
    assert theirs.read_text() == "#EXTM3U\nmine.mp3\n"


def test_the_table_has_a_row_for_every_song(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "songs.csv"

    assert main(["table", str(index), "--out", str(table)]) == 0

    assert json.loads(capsys.readouterr().out) == {"table": str(table), "songs": 5}
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == sorted(row["path"] for row in rows)
    by_path = {row["path"]: row for row in rows}
    song = by_path["ночь 夜/#1 ☂.mp3"]
    assert (song["artist"], song["title"]) == ("Ä, B", 'Two\nlines "q"')
    assert (song["quadrant"], song["Q4"]) == ("Q4", "0.9")
    assert float(song["valence"]) == pytest.approx(0.9, abs=0.01)
    assert sum(float(song[name]) for name in EMOTIONS) == pytest.approx(1, abs=0.001)
    assert by_path["d.wav"]["copies"] == "2"
    assert (by_path["c.opus"]["genre"], by_path["c.opus"]["year"]) == ("Fado", "1999")
    assert (by_path["d.wav"]["genre"], by_path["d.wav"]["year"]) == ("", "")


def test_a_table_that_cannot_be_written_is_one_clear_line(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["table", str(index), "--out", str(tmp_path / "no" / "songs.csv")]) == 1

    assert "No such file" in capsys.readouterr().err
