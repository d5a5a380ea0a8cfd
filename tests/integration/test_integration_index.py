"""A recommender reads an index while the indexer publishes one generation after another."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures import Eventually

from moodcue.library_index import GENERATIONS, read_manifest
from moodcue_recommender.index import IndexFollower
from moodcue_recommender.library import Library

GENERATIONS_PUBLISHED = 30
SONGS = 400

PUBLISHER = """
import sys
from pathlib import Path
import msgspec, numpy as np
from moodcue_mer_indexer.bench_index import random_songs
from moodcue_mer_indexer.publish import Origin, publish_index

index, first, last, count = Path(sys.argv[1]), *map(int, sys.argv[2:])
for number in range(first, last):
    album = f"generation {number}"
    made = random_songs(count + number, np.random.default_rng(number))
    songs = (msgspec.structs.replace(song, album=album) for song in made)
    origin = Origin(music_root=index, model="made-up", model_sha256="", content=str(number))
    assert publish_index(songs, index=index, origin=origin)[1]
"""


def publisher(index: Path, *, first: int, last: int) -> "subprocess.Popen[bytes]":
    """Publish generations in a process of its own; each has one song more than the last."""
    arguments = [str(index), str(first), str(last), str(SONGS)]
    return subprocess.Popen([sys.executable, "-c", PUBLISHER, *arguments])


def check_whole(library: Library) -> int:
    """Check that all of a library is of one generation; return which."""
    numbers = {int(song.album.removeprefix("generation ")) for song in library.songs}
    assert len(numbers) == 1
    (number,) = numbers
    assert len(library.songs) == library.manifest.songs == SONGS + number
    assert library.songs.emotions.shape == (SONGS + number, 7)
    unit = np.zeros(library.vectors.shape[1])
    unit[0] = 1
    places, _ = library.nearest(unit, 5)
    assert all(library.songs.song(int(library.songs.ids[place])) for place in places)
    return number


@pytest.mark.timeout(300)
def test_a_recommender_always_has_one_whole_generation_while_others_are_published(
    tmp_path: Path, eventually: Eventually
) -> None:
    assert publisher(tmp_path, first=0, last=1).wait() == 0
    seen: list[int] = []
    with IndexFollower(tmp_path, poll_seconds=0.001) as index:
        eventually(lambda: index.library, "the first generation is loaded")
        first = index.library
        process = publisher(tmp_path, first=1, last=GENERATIONS_PUBLISHED)
        while process.poll() is None:
            assert index.library is not None
            seen.append(check_whole(index.library))
        assert process.returncode == 0
        eventually(
            lambda: index.library and index.library.manifest == read_manifest(tmp_path),
            "the last generation is loaded",
        )
        assert index.library is not None
        seen.append(check_whole(index.library))
        eventually(lambda: index.problem is None, "nothing is wrong in the end")
    # Whoever began with the first can go on with it, though its files are gone.
    assert first is not None
    assert check_whole(first) == 0
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    assert seen[-1] == GENERATIONS_PUBLISHED - 1
    assert len(list((tmp_path / GENERATIONS).iterdir())) == 2


def test_a_reader_that_is_slow_to_open_the_index_still_can_after_the_next_publication(
    tmp_path: Path,
) -> None:
    assert publisher(tmp_path, first=0, last=1).wait() == 0
    manifest = read_manifest(tmp_path)
    assert publisher(tmp_path, first=1, last=2).wait() == 0

    assert check_whole(Library.load(tmp_path, manifest)) == 0
    assert check_whole(Library.load(tmp_path)) == 1
