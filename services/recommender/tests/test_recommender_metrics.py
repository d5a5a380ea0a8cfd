from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from moodcue_recommender.index import IndexFollower
from moodcue_recommender.metrics import RecommenderMetrics
from moodcue_recommender.sample_library import random_songs, write_library

NAME = "moodcue_recommender_index_build_timestamp_seconds"


def generations(registry: CollectorRegistry) -> list[str]:
    lines = generate_latest(registry).decode().splitlines()
    return [line.split('"')[1] for line in lines if line.startswith(f"{NAME}{{")]


def test_only_the_generation_in_use_is_told(tmp_path: Path) -> None:
    registry, index = CollectorRegistry(), IndexFollower(tmp_path)
    RecommenderMetrics(registry, index)
    told = [generations(registry)]
    for name, songs in (("g1", 8), ("g2", 9)):
        write_library(tmp_path, random_songs(songs), generation=name)
        index.check()
        told.append(generations(registry))

    assert told == [[], ["g1"], ["g2"]]
    assert registry.get_sample_value("moodcue_recommender_index_songs") == 9
    assert index.library is not None
    made = registry.get_sample_value(NAME, {"generation": "g2"})
    assert made == pytest.approx(index.library.manifest.created / 1e9, abs=1e-3)
