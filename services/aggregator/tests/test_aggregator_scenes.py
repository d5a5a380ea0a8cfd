import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from aggregator_people import Pixels
from aggregator_rendered import astronaut_face, cast, perform
from aggregator_scenes import HARD, judge, judge_script, play, scripts

SURE = sorted(set(scripts()) - HARD)
SEEDS = range(8)


@pytest.mark.parametrize("name", SURE)
def test_where_a_watcher_would_be_sure_nobody_changes_identity(name: str) -> None:
    score = judge_script(scripts()[name], seeds=SEEDS)
    assert (score.switches, score.extra, score.merged) == (0, 0, 0)
    assert score.idf1 > 0.98


def test_look_alikes_who_cross_are_rarely_mixed_up() -> None:
    score = judge_script(scripts()["look-alikes cross at one distance"], seeds=range(20))
    assert score.switches <= 4


def test_a_look_alike_in_the_same_place_is_taken_for_who_left_in_some_scenes_at_most() -> None:
    name = "a look-alike takes the place of one who left"
    score = judge_script(scripts()[name], seeds=range(20))
    assert score.switches <= 2
    assert score.merged <= 13


def test_without_descriptions_nobody_is_taken_for_who_left_after_a_long_absence() -> None:
    script = replace(scripts()["one is away for 20 s"], described=False)
    score = judge_script(script, seeds=SEEDS)
    assert score.switches >= len(SEEDS)
    assert score.merged == 0


def test_a_scene_is_the_same_each_time() -> None:
    script = scripts()["two leave and return swapped"]
    assert list(play(script, seed=3)) == list(play(script, seed=3))


@pytest.mark.parametrize(
    "name",
    [
        "two cross, one far",
        "two leave and return swapped",
    ],
)
def test_painted_people_keep_their_identities_through_detector_and_description(name: str) -> None:
    script = scripts()[name]
    looks = cast(list(script.people), seed=1, faces=[astronaut_face()])
    score = judge([perform(script, looks, seed=1)])
    assert (score.switches, score.extra, score.merged) == (0, 0, 0)


def test_people_with_real_faces_keep_their_identities_through_light_and_absence(
    shared_data: Path,
) -> None:
    absence = scripts()["one is away for 5 s, sits elsewhere"]
    script = replace(absence, light=20)
    looks = cast(list(script.people), seed=2, faces=ck_faces(shared_data / "ck48")[:2])
    score = judge([perform(script, looks, seed=2)])
    assert (score.switches, score.extra, score.merged) == (0, 0, 0)


def ck_faces(folder: Path) -> list[Pixels]:
    """One face of each subject."""
    with (folder / "labels.csv").open(encoding="utf-8") as table:
        paths = {row["subject"]: row["path"] for row in csv.DictReader(table)}
    return [
        np.asarray(cv2.imread(str(folder / path), cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
        for path in paths.values()
    ]
