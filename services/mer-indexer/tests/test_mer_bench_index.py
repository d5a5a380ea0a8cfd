import json

import numpy as np
import pytest

from moodcue_mer_indexer.bench_index import random_songs
from moodcue_mer_indexer.cli import main


@pytest.mark.timeout(400)
def test_the_index_and_the_look_at_a_known_library_are_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["bench-index", "--songs", "2000", "--files", "3", "--compare"]) == 0

    index, files = map(json.loads, capsys.readouterr().out.splitlines())
    assert (index["songs"], index["index_type"], index["recall"]) == (2000, "Flat", 1.0)
    for what in ("build_seconds", "load_seconds"):
        assert index[what]["wall"] > 0
    assert index["query_processor_ms"] > 0
    for other in index["others"]:
        assert 0.5 < other["recall"] <= 1.0
    assert (files["unchanged_analysed"], files["one_changed_analysed"]) == (0, 1)


def test_made_up_songs_are_in_order_and_all_different() -> None:
    songs = list(random_songs(3000, np.random.default_rng(0)))

    assert [song.path for song in songs] == sorted(song.path for song in songs)
    assert len({song.id for song in songs}) == 3000
    assert len({song.emotions for song in songs}) == 3000
