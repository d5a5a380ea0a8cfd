import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from mer_songs import make_song, publish, random_songs

from moodcue.songs import SongTable
from moodcue.taxonomy import QUADRANTS
from moodcue_mer_indexer.balance import balance_of
from moodcue_mer_indexer.cli import main
from moodcue_mer_indexer.picture import draw_library

HAPPY = (0.9, 0.05, 0.02, 0.03)
SAD = (0.02, 0.05, 0.9, 0.03)
UNSURE = (0.4, 0.35, 0.15, 0.1)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def small(tmp_path: Path) -> SongTable:
    return publish(
        [
            make_song("a.mp3", HAPPY, artist="Ann", title="<Ä & ☂>\x07", duplicates=("b.flac",)),
            make_song("c.mp3", SAD, artist="Unknown artist"),
            make_song("d.mp3", SAD, artist="ANN"),
            make_song("e.mp3", UNSURE, artist="Bob", seconds=3600),
        ],
        index=tmp_path / "index",
        music=tmp_path,
    )


def test_the_balance_counts_songs_artists_hours_and_copies(small: SongTable) -> None:
    balance = balance_of(small)

    assert (balance.songs, balance.artists, balance.duplicates) == (4, 2, 1)
    assert balance.hours == pytest.approx(1 + 3 * 180.4 / 3600)
    assert balance.quadrants == (2, 0, 2, 0)
    assert balance.sure == (1, 0, 2, 0)
    assert balance.valence[0] == pytest.approx(small.valence.mean())
    assert balance.arousal[1] == pytest.approx(small.arousal.std())


def test_the_balance_names_the_nearest_songs_and_none_that_are_far(small: SongTable) -> None:
    nearest = balance_of(small).nearest

    assert nearest["gloomy"] == [] or "ANN - d" in nearest["gloomy"]
    assert nearest["excited"] == ["Ann - <Ä & ☂>\x07"]
    assert nearest["calm"] == []


def test_what_a_library_lacks_is_said_in_words(small: SongTable) -> None:
    assert list(balance_of(small).warnings()) == [
        "no songs in Q2, tense and angry",
        "no songs in Q4, calm and content",
    ]


def test_few_songs_of_a_quadrant_are_a_warning_and_enough_are_none(tmp_path: Path) -> None:
    songs = [make_song(f"{n:03}.mp3", HAPPY) for n in range(60)]
    songs += [make_song(f"s{n:03}.mp3", SAD) for n in range(30)]
    songs += [make_song(f"c{n}.mp3", (0.1, 0.0, 0.1, 0.8)) for n in range(6)]
    songs += [make_song(f"t{n}.mp3", (0.1, 0.8, 0.1, 0.0)) for n in range(4)]

    balance = balance_of(publish(songs, index=tmp_path / "index", music=tmp_path))

    assert list(balance.warnings()) == ["only 4 of 100 songs in Q2, tense and angry"]


def test_every_song_is_a_dot_where_it_lies_and_the_unsure_are_fainter(small: SongTable) -> None:
    picture = ET.fromstring(draw_library(small, balance_of(small)))  # noqa: S314 - our own

    dots = picture.findall(f"{SVG}circle")
    titles = [dot.findtext(f"{SVG}title") for dot in dots]
    assert titles == ["Ann - <Ä & ☂>", "Unknown artist - c", "ANN - d", "Bob - e"]
    happy, sad, _, unsure = dots
    assert float(happy.get("cx", "")) > float(unsure.get("cx", "")) > float(sad.get("cx", ""))
    assert float(happy.get("cy", "")) < float(sad.get("cy", ""))
    assert float(unsure.get("fill-opacity", "")) < float(happy.get("fill-opacity", ""))
    text = "".join(picture.itertext())
    assert "Happy and energetic  2 songs, 50%" in text
    assert "Calm and content  0 songs, 0%" in text


def test_the_picture_of_many_songs_counts_each_once(tmp_path: Path) -> None:
    songs = publish(random_songs(5000), index=tmp_path / "index", music=tmp_path)

    picture = draw_library(songs, balance_of(songs))

    document = ET.fromstring(picture)  # noqa: S314 - our own
    titles = [cell.findtext(f"{SVG}title") or "" for cell in document.findall(f"{SVG}rect")]
    assert not document.findall(f"{SVG}circle")
    assert sum(int(title.split()[0].replace(",", "")) for title in titles if title) == 5000
    assert len(picture) < 400_000


def test_show_prints_the_balance_and_draws(
    small: SongTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del small
    picture = tmp_path / "library.svg"

    assert main(["show", str(tmp_path / "index"), "--out", str(picture)]) == 0

    result = json.loads(capsys.readouterr().out)
    assert result["songs"] == sum(result["quadrants"][name]["songs"] for name in QUADRANTS) == 4
    assert result["picture"] == str(picture)
    assert picture.read_text().startswith("<svg")


def test_show_names_what_it_cannot_do(
    small: SongTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del small
    index = str(tmp_path / "index")

    assert main(["show", index, "--out", str(tmp_path / "library.png")]) == 1
    assert "name it library.svg" in capsys.readouterr().err
    assert main(["show", index, "--out", str(tmp_path / "no" / "folder.svg")]) == 1
    assert "No such file" in capsys.readouterr().err
    assert main(["show", str(tmp_path)]) == 1
    assert "build one" in capsys.readouterr().err
