import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import faiss
import msgspec
import numpy as np
import pytest
from fixtures import Eventually

from moodcue.errors import IndexUnavailableError
from moodcue.library_index import COLUMNS, FILES, SONGS, VECTORS, IndexManifest, generation_folder
from moodcue.model_folder import sha256_of
from moodcue.songs import SongColumns, open_songs, read_columns, write_columns
from moodcue_recommender.index import IndexFollower
from moodcue_recommender.library import Library
from moodcue_recommender.sample_library import publish, random_songs, write_library
from moodcue_recommender.vectors import Matching


def rewrite(index: Path, manifest: IndexManifest) -> None:
    """Publish a manifest that fits the files as they are now."""
    folder = generation_folder(index, manifest)
    files = {name: sha256_of(folder / name) for name in FILES}
    publish(index, msgspec.structs.replace(manifest, files=files))


def truncate_vectors(index: Path, manifest: IndexManifest) -> None:
    path = generation_folder(index, manifest) / VECTORS
    path.write_bytes(path.read_bytes()[:-10])


def remove_songs(index: Path, manifest: IndexManifest) -> None:
    (generation_folder(index, manifest) / SONGS).unlink()


def garble_vectors(index: Path, manifest: IndexManifest) -> None:
    (generation_folder(index, manifest) / VECTORS).write_bytes(b"these are no vectors")
    rewrite(index, manifest)


def write_vectors(index: Path, manifest: IndexManifest, vectors: faiss.Index) -> None:
    faiss.write_index(vectors, str(generation_folder(index, manifest) / VECTORS))
    rewrite(index, manifest)


def write_l2_vectors(index: Path, manifest: IndexManifest) -> None:
    vectors = faiss.IndexIDMap2(faiss.IndexFlatL2(7))
    vectors.add_with_ids(np.eye(7, dtype=np.float32), np.arange(7, dtype=np.int64))
    write_vectors(index, manifest, vectors)


def write_vectors_without_ids(index: Path, manifest: IndexManifest) -> None:
    vectors = faiss.IndexFlatIP(7)
    vectors.add(np.eye(7, dtype=np.float32))
    write_vectors(index, manifest, vectors)


def write_fewer_vectors(index: Path, manifest: IndexManifest) -> None:
    vectors = faiss.IndexIDMap2(faiss.IndexFlatIP(7))
    vectors.add_with_ids(np.eye(7, dtype=np.float32), np.arange(7, dtype=np.int64))
    write_vectors(index, manifest, vectors)


def write_long_vectors(index: Path, manifest: IndexManifest) -> None:
    ids = open_songs(index, manifest).ids
    longer = faiss.IndexIDMap2(faiss.IndexFlatIP(7))
    longer.add_with_ids(np.full((len(ids), 7), 1, dtype=np.float32), ids)
    write_vectors(index, manifest, longer)


def change_columns(
    index: Path, manifest: IndexManifest, change: Callable[[SongColumns], SongColumns]
) -> None:
    path = generation_folder(index, manifest) / COLUMNS
    write_columns(path, change(read_columns(path)))
    rewrite(index, manifest)


def rename_the_songs(index: Path, manifest: IndexManifest) -> None:
    change_columns(index, manifest, lambda columns: replace(columns, ids=columns.ids + 1))


def damage_a_song(index: Path, manifest: IndexManifest) -> None:
    change_columns(index, manifest, lambda columns: replace(columns, valence=columns.valence + 7))


def lose_a_number(index: Path, manifest: IndexManifest) -> None:
    change_columns(index, manifest, lambda columns: replace(columns, ending=columns.ending[1:]))


def lose_a_row(index: Path, manifest: IndexManifest) -> None:
    path = generation_folder(index, manifest) / SONGS
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM songs WHERE place = 29")
    rewrite(index, manifest)


def claim_other_labels(index: Path, manifest: IndexManifest) -> None:
    publish(index, msgspec.structs.replace(manifest, labels="plutchik-8"))


def claim_a_later_format(index: Path, manifest: IndexManifest) -> None:
    publish(index, msgspec.structs.replace(manifest, format=99))


DAMAGE = {
    truncate_vectors: "is not the file that the manifest names",
    remove_songs: "No such file",
    garble_vectors: "is not a FAISS index",
    write_l2_vectors: "is not a flat inner product index",
    write_vectors_without_ids: "is not a flat inner product index by song id",
    write_fewer_vectors: "holds 7 vectors of dimension 7, its manifest says 30",
    write_long_vectors: "whose length is not 1",
    rename_the_songs: "are not the same",
    damage_a_song: "has valence outside -1 to 1",
    lose_a_number: r"has ending of float32 \(29, 2\)",
    lose_a_row: "30 songs in songs.npy and 29 in songs.sqlite",
    claim_other_labels: "has the label set 'plutchik-8'",
    claim_a_later_format: "has the format 99",
}
Damage = Callable[[Path, IndexManifest], None]


def test_a_library_is_loaded_with_its_songs_and_vectors(tmp_path: Path) -> None:
    songs = random_songs(30)
    write_library(tmp_path, songs, generation="first")
    library = Library.load(tmp_path, matching=Matching.COSINE)
    assert [song.path for song in library.songs] == sorted(song.path for song in songs)
    assert library.manifest.generation == "first"
    for song in songs:
        expected = np.array(song.emotions) / np.linalg.norm(song.emotions)
        vector = library.vectors[library.songs.place(song.id)]
        np.testing.assert_allclose(vector, expected, atol=1e-6)


def test_a_relative_folder_is_taken_from_where_the_process_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_library(tmp_path / "index", random_songs(5), generation="first")
    monkeypatch.chdir(tmp_path)
    assert len(Library.load(Path("index")).songs) == 5


@pytest.mark.parametrize(("damage", "text"), DAMAGE.items())
def test_a_damaged_or_foreign_index_is_refused_and_the_old_one_kept(
    tmp_path: Path, damage: Damage, text: str
) -> None:
    write_library(tmp_path, random_songs(10), generation="good")
    index = IndexFollower(tmp_path)
    index.check()
    good = index.library
    damage(tmp_path, write_library(tmp_path, random_songs(30), generation="bad"))
    with pytest.raises(IndexUnavailableError, match=text):
        Library.load(tmp_path)
    index.check()
    assert index.library is good
    assert index.problem is not None
    assert index.missing() is None
    assert index.refused == 1


def test_a_good_index_after_a_refused_one_is_taken(tmp_path: Path) -> None:
    write_library(tmp_path, random_songs(10), generation="good")
    index = IndexFollower(tmp_path)
    index.check()
    truncate_vectors(tmp_path, write_library(tmp_path, random_songs(30), generation="bad"))
    index.check()
    write_library(tmp_path, random_songs(12), generation="better")
    index.check()
    assert index.library is not None
    assert index.library.manifest.generation == "better"
    assert index.problem is None


def test_a_hint_tries_a_refused_index_again(tmp_path: Path) -> None:
    manifest = write_library(tmp_path, random_songs(10), generation="late")
    path = generation_folder(tmp_path, manifest) / VECTORS
    data = path.read_bytes()
    path.unlink()
    index = IndexFollower(tmp_path)
    index.check()
    path.write_bytes(data)
    index.check()
    assert index.library is None
    index.hint()
    index.check()
    assert index.library is not None


def test_without_an_index_the_follower_says_how_to_make_one(tmp_path: Path) -> None:
    index = IndexFollower(tmp_path / "nowhere")
    assert index.missing() == "no index has been loaded yet"
    index.check()
    index.check()
    assert "moodcue-mer-indexer build" in str(index.missing())
    assert index.refused == 1


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    index = IndexFollower(tmp_path)
    index.check()
    assert "is not an index manifest" in str(index.problem)


def test_a_new_index_is_found_without_a_hint(tmp_path: Path, eventually: Eventually) -> None:
    with IndexFollower(tmp_path, poll_seconds=0.05) as index:
        eventually(index.looked.is_set, "the first look is over")
        assert index.library is None
        write_library(tmp_path, random_songs(10), generation="first")
        eventually(lambda: index.library, "the first index is loaded")
        write_library(tmp_path, random_songs(20), generation="second")
        eventually(lambda: index.library and len(index.library.songs) == 20, "so is the second")


def test_a_hint_makes_the_follower_look_at_once(tmp_path: Path, eventually: Eventually) -> None:
    with IndexFollower(tmp_path, poll_seconds=3600) as index:
        eventually(index.looked.is_set, "the first look is over")
        write_library(tmp_path, random_songs(10), generation="first")
        index.hint()
        eventually(lambda: index.library, "the index is loaded")
