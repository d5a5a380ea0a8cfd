import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from mer_datasets import make_dataset
from mer_sounds import tone, write_audio

from moodcue_mer_indexer.audio import decode_audio
from moodcue_mer_indexer.dataset import load_dataset
from moodcue_mer_indexer.labels import DatasetError, quadrant_at, quadrant_probabilities

PER_SONG = Path("annotations/annotations averaged per song")
STATIC = PER_SONG / "song_level"
DYNAMIC = PER_SONG / "dynamic (per second annotations)"

# Names and blanks as in the archive; the second table has columns of its own.
FIRST_SONGS = """song_id, valence_mean, valence_std, arousal_mean, arousal_std
2,3.1,0.94,3,0.63
3,3.5,1.75,3.3,1.62
5,7.0,1.0,6.5,1.2
"""
LAST_SONGS = """song_id, valence_mean, valence_std, valence_ max_mean, arousal_mean, arousal_std
2001,5.0,0.0,6.0,7.2,1.5
"""
AROUSAL = """song_id,sample_15000ms,sample_15500ms,sample_16000ms
2.0,-0.2,-0.25,
5.0,0.1,0.2,0.3
"""
VALENCE = """song_id,sample_15000ms,sample_15500ms,sample_16000ms
2.0,-0.1,-0.15,nan
5.0,0.4,0.5,0.6
"""


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_sounds(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_audio(path, sound=tone(seconds=1, rate=44_100), rate=44_100)


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def make_deam(folder: Path) -> Path:
    write_text(folder / STATIC / "static_annotations_averaged_songs_1_2000.csv", FIRST_SONGS)
    write_text(folder / STATIC / "static_annotations_averaged_songs_2000_2058.csv", LAST_SONGS)
    write_text(folder / DYNAMIC / "arousal.csv", AROUSAL)
    write_text(folder / DYNAMIC / "valence.csv", VALENCE)
    write_sounds(folder / "MEMD_audio", ["2.mp3", "3.mp3", "5.mp3", "2001.mp3"])
    return folder


def test_deam_is_read_as_its_archives_unpack(tmp_path: Path) -> None:
    songs = load_dataset(make_deam(tmp_path))

    assert [song.file for song in songs] == [f"MEMD_audio/{n}.mp3" for n in (2, 3, 5, 2001)]
    assert [song.quadrant for song in songs] == [2, 2, 0, 0]
    assert decode_audio(songs[0].path, sample_rate=16_000).size >= 16_000
    assert len({song.artist for song in songs}) == 4


def test_ratings_of_deam_become_shares_of_listeners(tmp_path: Path) -> None:
    first, doubtful, _, neutral = load_dataset(make_deam(tmp_path))

    # 3.1 is 1.9 below the middle, two deviations of 0.94: 2.2 % find the song pleasant.
    assert sum(first.targets[i] for i in (0, 3)) == pytest.approx(0.0216, abs=1e-3)
    assert max(doubtful.targets) < max(first.targets)
    assert sum(neutral.targets[i] for i in (0, 3)) == pytest.approx(0.5)
    for song in (first, doubtful, neutral):
        assert sum(song.targets) == pytest.approx(1.0)


def test_courses_of_deam_are_where_both_axes_are_stated(tmp_path: Path) -> None:
    first, without, whole, _ = load_dataset(make_deam(tmp_path))

    assert [(m.seconds, m.valence, m.arousal) for m in first.course] == [
        (15.0, -0.1, -0.2),
        (15.5, -0.15, -0.25),
    ]
    assert without.course == ()
    assert [m.seconds for m in whole.course] == [15.0, 15.5, 16.0]


def test_deam_needs_no_courses(tmp_path: Path) -> None:
    folder = make_deam(tmp_path)
    (folder / DYNAMIC / "valence.csv").unlink()

    assert all(song.course == () for song in load_dataset(folder))


def test_artists_of_deam_come_from_whichever_tables_are_there(tmp_path: Path) -> None:
    folder = make_deam(tmp_path)
    metadata = folder / "metadata"
    write_text(
        metadata / "metadata_2013.csv",
        "song_id,file_name,Artist,Song title,Genre\n"
        '2,2.mp3,"\tNobody\t",A,\n'
        "3,3.mp3,nobody,B,Pop\n",
    )
    # Rows of this year end in any number of genres.
    write_text(
        metadata / "metadata_2015.csv",
        "id,Filename,title,artist,album,genre\n2001,a.mp3,C,Somebody,D,Rock,Metal,Live\n",
    )

    two, three, five, last = load_dataset(folder)

    assert two.artist == three.artist == "nobody"
    assert last.artist == "somebody"
    assert five.artist not in {"nobody", "somebody"}


@pytest.mark.parametrize(
    ("missing", "remedy"),
    [("MEMD_audio", "DEAM_audio.zip"), ("annotations", "DEAM_Annotations.zip")],
)
def test_half_of_deam_says_which_half_is_missing(tmp_path: Path, missing: str, remedy: str) -> None:
    folder = make_deam(tmp_path)
    (folder / missing).rename(tmp_path.parent / f"{tmp_path.name}-aside")

    with pytest.raises(DatasetError, match=f"{missing}.*missing.*{remedy}"):
        load_dataset(folder)


def test_a_song_of_deam_without_audio_is_named(tmp_path: Path) -> None:
    folder = make_deam(tmp_path)
    (folder / "MEMD_audio" / "3.mp3").unlink()

    with pytest.raises(DatasetError, match=r"3\.mp3 is missing; unpack"):
        load_dataset(folder)


def test_a_rating_outside_the_scale_is_named(tmp_path: Path) -> None:
    folder = make_deam(tmp_path)
    table = folder / STATIC / "static_annotations_averaged_songs_1_2000.csv"
    table.write_text(FIRST_SONGS.replace("3.5", "35"), encoding="utf-8")

    with pytest.raises(DatasetError, match=r"valence_mean is '35'.*from 1 to 9"):
        load_dataset(folder)


def test_the_real_annotations_of_deam_are_read(tmp_path: Path, shared_data: Path) -> None:
    real = (shared_data / "annotations" / "deam_static_annotations.csv").read_text("utf-8")
    lines = real.splitlines()
    chosen = [lines[0].replace(",", ", "), *lines[1:4], *lines[-3:]]
    table = STATIC / "static_annotations_averaged_songs_1_2000.csv"
    write_text(tmp_path / table, "\n".join(chosen) + "\n")
    numbers = [line.split(",")[0] for line in chosen[1:]]
    write_sounds(tmp_path / "MEMD_audio", [f"{number}.mp3" for number in numbers])

    songs = load_dataset(tmp_path)

    assert [song.path.stem for song in songs] == numbers
    for song, line in zip(songs, chosen[1:], strict=True):
        valence, _, arousal, _ = (float(text) for text in line.split(",")[1:])
        assert song.quadrant == quadrant_at(valence=valence - 5, arousal=arousal - 5)
        assert sum(song.targets) == pytest.approx(1.0)


def test_4q_is_certain_of_its_quadrants(tmp_path: Path) -> None:
    songs = load_dataset(make_dataset(tmp_path, songs=4, seconds=1))

    assert [song.quadrant for song in songs] == [0, 1, 2, 3]
    np.testing.assert_array_equal([song.targets for song in songs], np.eye(4))


def test_folders_may_be_called_by_quadrants_or_by_moods(tmp_path: Path) -> None:
    write_sounds(tmp_path, ["Q2/b.flac", "Happy/a.flac", "sad/deeper/c.flac", "other/d.flac"])
    write_text(tmp_path / "sad" / "notes.txt", "not audio")

    songs = load_dataset(tmp_path)

    assert {song.file: song.quadrant for song in songs} == {
        "Happy/a.flac": 0,
        "Q2/b.flac": 1,
        "sad/deeper/c.flac": 2,
    }


def test_files_without_tags_stand_for_themselves_and_tags_name_artists(tmp_path: Path) -> None:
    write_sounds(tmp_path, ["calm/a.flac", "calm/b.flac"])
    for name in ("c", "d"):
        write_audio(tmp_path / "calm" / f"{name}.flac", tags={"artist": "Somebody"})

    assert [song.artist for song in load_dataset(tmp_path)] == [
        "calm/a.flac",
        "calm/b.flac",
        "Somebody",
        "Somebody",
    ]


def test_folders_without_audio_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "happy").mkdir()

    with pytest.raises(DatasetError, match=r"no audio.*\.flac"):
        load_dataset(tmp_path)


def test_a_table_may_hold_points_of_the_plane(tmp_path: Path) -> None:
    write_sounds(tmp_path, ["music/a.flac", "b.flac"])
    write_table(
        tmp_path / "mine.csv",
        [
            {"path": "music/a.flac", "valence": 0.8, "arousal": -0.5, "artist": "X"},
            {"path": "b.flac", "valence": -0.1, "arousal": 0.9, "artist": ""},
        ],
    )

    sure, unsure = load_dataset(tmp_path)

    assert (sure.quadrant, sure.artist) == (3, "X")
    assert (unsure.quadrant, unsure.artist) == (1, "b.flac")
    # Listeners disagree where the table does not say how far.
    assert 0.35 < unsure.targets[0] < unsure.targets[1] < 0.65


def test_a_table_may_say_how_far_listeners_disagree(tmp_path: Path) -> None:
    write_sounds(tmp_path, ["a.flac"])
    point = {"path": "a.flac", "valence": 0.3, "arousal": 0.3}
    write_table(tmp_path / "mine.csv", [{**point, "valence_std": 0.1, "arousal_std": 0.1}])

    (song,) = load_dataset(tmp_path)

    assert song.targets == quadrant_probabilities(
        valence=0.3, valence_std=0.1, arousal=0.3, arousal_std=0.1
    )
    assert song.targets[0] > 0.99


def test_a_table_may_hold_names_of_quadrants(tmp_path: Path) -> None:
    write_sounds(tmp_path, ["a.flac", "b.flac"])
    write_table(
        # The name alone does not make it a table of 4Q.
        tmp_path / "labels.csv",
        [{"path": "a.flac", "quadrant": "Q3"}, {"path": "b.flac", "quadrant": "angry"}],
    )

    assert [song.quadrant for song in load_dataset(tmp_path)] == [2, 1]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"path": "a.flac", "valence": "5", "arousal": "0"}, "valence is '5'.*from -1 to 1"),
        ({"path": "a.flac", "valence": "0", "arousal": "?"}, r"arousal is '\?'"),
        ({"path": "a.flac", "quadrant": "Q5"}, "'Q5' of 'a.flac' is unknown; use one of"),
        ({"path": "b.flac", "quadrant": "Q1"}, "'b.flac' is not there"),
    ],
)
def test_a_label_that_is_none_is_named(tmp_path: Path, row: dict[str, str], message: str) -> None:
    write_sounds(tmp_path, ["a.flac"])
    write_table(tmp_path / "mine.csv", [row])

    with pytest.raises(DatasetError, match=message):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("labels.csv", "file,quadrant,artist\na.flac,Q1\n", "'a.flac, Q1' ends before artist"),
        ("mine.csv", "path,quadrant\na.flac\n", "'a.flac' ends before quadrant"),
        ("mine.csv", "artist,path,quadrant\nX\n", "'X' ends before path, quadrant"),
    ],
)
def test_a_row_that_ends_too_early_is_named(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    write_sounds(tmp_path, ["a.flac"])
    write_text(tmp_path / name, text)

    with pytest.raises(DatasetError, match=message):
        load_dataset(tmp_path)


def test_an_unknown_layout_says_what_was_looked_for(tmp_path: Path) -> None:
    write_sounds(tmp_path, ["somewhere/a.flac"])

    with pytest.raises(DatasetError, match=r"labels\.csv.*MEMD_audio.*valence.*happy, angry"):
        load_dataset(tmp_path)
    with pytest.raises(DatasetError, match="no folder"):
        load_dataset(tmp_path / "nowhere")


def test_tables_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"file,quadrant,artist\n\xff\xfe,Q1,x\n")
    with pytest.raises(DatasetError, match=r"cannot be read.*UTF-8"):
        load_dataset(tmp_path)

    (tmp_path / "labels.csv").write_text("file,artist\n")
    with pytest.raises(DatasetError, match="lacks the columns quadrant"):
        load_dataset(tmp_path)

    (tmp_path / "labels.csv").write_text("file,quadrant,artist\n")
    with pytest.raises(DatasetError, match="no rows"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("valence", "arousal", "quadrant"),
    [(1, 1, 0), (-1, 1, 1), (-1, -1, 2), (1, -1, 3), (0, 0, 0), (-0.1, 0, 1)],
)
def test_the_most_probable_quadrant_is_the_one_of_the_point(
    valence: float, arousal: float, quadrant: int
) -> None:
    shares = quadrant_probabilities(
        valence=valence, valence_std=0.4, arousal=arousal, arousal_std=0.3
    )

    assert quadrant_at(valence=valence, arousal=arousal) == quadrant
    # Where two are as probable, the first of them is the one.
    assert int(np.argmax(shares)) == quadrant
    assert sum(shares) == pytest.approx(1)


def test_a_labelled_song_that_is_not_there_is_named_before_training(tmp_path: Path) -> None:
    make_dataset(tmp_path, songs=4)
    (tmp_path / "02.flac").unlink()
    with pytest.raises(DatasetError, match=r"02\.flac is not there, but labelled"):
        load_dataset(tmp_path)
