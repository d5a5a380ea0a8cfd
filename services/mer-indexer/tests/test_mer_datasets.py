from pathlib import Path

import pytest
from mer_datasets import make_dataset
from mer_sounds import tone, write_audio

from moodcue_mer_indexer.dataset import DatasetError, load_dataset
from moodcue_mer_indexer.labels import quadrant_probabilities

SONG_LEVEL = "annotations/annotations averaged per song/song_level"
PER_SECOND = "annotations/annotations averaged per song/dynamic (per second annotations)"
# The names of the real archive's columns begin with a blank.
HEADER = "song_id, valence_mean, valence_std, arousal_mean, arousal_std"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def deam(folder: Path, *, rows: list[str]) -> Path:
    """DEAM in miniature: its own names, generated sound."""
    name = "static_annotations_averaged_songs_1_2000.csv"
    write(folder / SONG_LEVEL / name, "\n".join([HEADER, *rows, ""]))
    for row in rows:
        audio = folder / "MEMD_audio" / f"{row.split(',', maxsplit=1)[0]}.mp3"
        audio.parent.mkdir(exist_ok=True)
        write_audio(audio, sound=tone(seconds=1))
    return folder


def test_deam_gives_quadrants_and_shares_of_listeners(tmp_path: Path) -> None:
    rows = ["2,3.1,0.94,3.0,0.63", "10, 7.0, 1.0, 7.4, 1.2", "2001,5.0,2.0,2.0,0.5"]
    songs = load_dataset(deam(tmp_path, rows=rows))

    assert [song.file for song in songs] == [f"MEMD_audio/{n}.mp3" for n in (2, 10, 2001)]
    assert [song.quadrant for song in songs] == [2, 0, 3]
    assert songs[0].targets[2] > 0.95
    assert songs[2].targets[2] == pytest.approx(songs[2].targets[3])
    assert sum(songs[1].targets) == pytest.approx(1)


def test_a_song_of_deam_without_audio_is_named(tmp_path: Path) -> None:
    folder = deam(tmp_path, rows=["2,3.1,0.94,3.0,0.63", "3,6,1,6,1"])
    (folder / "MEMD_audio" / "3.mp3").unlink()

    with pytest.raises(DatasetError, match=r"3\.mp3 is missing; unpack"):
        load_dataset(folder)


def test_what_listeners_felt_by_the_second_comes_with_a_song_of_deam(tmp_path: Path) -> None:
    folder = deam(tmp_path, rows=["2,3.1,0.94,3.0,0.63"])
    columns = "song_id,sample_15000ms,sample_15500ms"
    write(folder / PER_SECOND / "valence.csv", f"{columns}\n2,-0.5,0.25\n")
    write(folder / PER_SECOND / "arousal.csv", f"{columns}\n2,0.1,\n")

    (song,) = load_dataset(folder)

    (moment,) = song.course
    assert (moment.seconds, moment.valence, moment.arousal) == (15.0, -0.5, 0.1)


def test_the_real_annotations_of_deam_are_read_as_they_are(
    tmp_path: Path, shared_data: Path
) -> None:
    real = (shared_data / "annotations" / "deam_static_annotations.csv").read_text("utf-8")
    rows = real.splitlines()[1:9]

    songs = load_dataset(deam(tmp_path, rows=rows))

    assert len(songs) == 8
    assert all(sum(song.targets) == pytest.approx(1) for song in songs)


def test_a_rating_outside_of_the_scale_is_named_with_its_row(tmp_path: Path) -> None:
    folder = deam(tmp_path, rows=["2,31,0.94,3.0,0.63"])

    with pytest.raises(DatasetError, match=r"valence_mean is '31' in the row '2.*from 1 to 9"):
        load_dataset(folder)


@pytest.mark.parametrize(
    ("columns", "row", "quadrant"),
    [
        ("path,quadrant,artist", "a.flac,Q2,Someone", 1),
        ("path,quadrant", "a.flac,calm", 3),
        ("path,valence,arousal", "a.flac,-0.5,-0.2", 2),
    ],
)
def test_a_table_of_ones_own_is_read_by_its_columns(
    tmp_path: Path, columns: str, row: str, quadrant: int
) -> None:
    write_audio(tmp_path / "a.flac", sound=tone(seconds=1))
    write(tmp_path / "mine.csv", f"{columns}\n{row}\n")

    (song,) = load_dataset(tmp_path)

    assert song.quadrant == quadrant
    assert max(range(4), key=lambda index: song.targets[index]) == quadrant
    assert song.artist == ("Someone" if "artist" in columns else "a.flac")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("b.flac,Q1", "'b.flac' is not there"),
        ("a.flac,Q5", "quadrant 'Q5' of 'a.flac' is unknown"),
    ],
)
def test_a_wrong_row_of_a_table_is_named(tmp_path: Path, row: str, reason: str) -> None:
    write_audio(tmp_path / "a.flac", sound=tone(seconds=1))
    write(tmp_path / "mine.csv", f"path,quadrant\n{row}\n")

    with pytest.raises(DatasetError, match=reason):
        load_dataset(tmp_path)


def test_folders_named_after_moods_hold_songs_at_any_depth(tmp_path: Path) -> None:
    for name in ("happy/a.flac", "Sad/Someone/b.flac", "Sad/Someone/c.flac", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".flac":
            write_audio(path, sound=tone(seconds=1))
        else:
            path.write_text("no music")

    songs = {song.file: song for song in load_dataset(tmp_path)}

    assert {file: song.quadrant for file, song in songs.items()} == {
        "happy/a.flac": 0,
        "Sad/Someone/b.flac": 2,
        "Sad/Someone/c.flac": 2,
    }
    # Nobody is named in the tags, so that nobody's songs are kept together.
    assert len({song.artist for song in songs.values()}) == 3


def test_the_layout_of_4q_is_known_by_its_table(tmp_path: Path) -> None:
    songs = load_dataset(make_dataset(tmp_path, songs=4, seconds=1))

    assert [song.quadrant for song in songs] == [0, 1, 2, 3]
    assert songs[1].targets == (0, 1, 0, 0)


def test_a_folder_that_is_no_dataset_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing")

    with pytest.raises(DatasetError, match=r"labels\.csv.*MEMD_audio.*path and quadrant.*happy"):
        load_dataset(tmp_path)


def test_listeners_who_agree_make_a_quadrant_sure_and_a_point_on_an_axis_halves_it() -> None:
    sure = quadrant_probabilities(valence=0.8, valence_std=0.1, arousal=0.8, arousal_std=0.1)
    halved = quadrant_probabilities(valence=0.0, valence_std=0.5, arousal=0.8, arousal_std=0.1)

    assert sure[0] > 0.99
    assert halved[0] == pytest.approx(halved[1])
