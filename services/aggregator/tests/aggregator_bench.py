"""Prints how well people are kept apart in scenes with known truth, with and without descriptions.

`.venv/bin/python services/aggregator/tests/aggregator_bench.py [--scenes 20]`
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace

import msgspec
from aggregator_rendered import astronaut_face, cast, perform
from aggregator_scenes import HARD, Scene, Score, Script, judge, judge_script, scripts

_COLUMNS = "switches, extra numbers, mergers, IDF1"
RENDERED = (
    "two cross, one far",
    "one is away for 20 s, sits elsewhere",
    "a third takes the place of one who left",
    "two leave and return swapped",
)


def rows(*, scenes: int) -> Iterator[str]:
    """Yield the lines of the table; figures are sums over so many variants of each scene."""
    yield f"| scene | boxes alone: {_COLUMNS} | with descriptions |"
    yield "|---|---|---|"
    for name, script in scripts().items():
        alone, described = (
            judge_script(replace(script, described=value), seeds=range(scenes))
            for value in (False, True)
        )
        mark = " (hard)" if name in HARD else ""
        yield f"| {name}{mark} | {_cell(alone)} | {_cell(described)} |"
    for name in RENDERED:
        yield f"| rendered: {name} | {_rendered(scripts()[name], scenes=min(scenes, 3))} |"


def _rendered(script: Script, *, scenes: int) -> str:
    played = [
        perform(script, cast(list(script.people), seed=seed, faces=[astronaut_face()]), seed=seed)
        for seed in range(scenes)
    ]
    return (
        f"{_cell(judge(without_descriptions(scene) for scene in played))} | {_cell(judge(played))}"
    )


def without_descriptions(scene: Scene) -> Scene:
    """Return the same scene as it would be seen without looks."""
    bare: Scene = []
    for event, names in scene:
        faces = tuple(msgspec.structs.replace(face, appearance=()) for face in event.faces)
        bare.append((msgspec.structs.replace(event, faces=faces), names))
    return bare


def _cell(score: Score) -> str:
    return f"{score.switches}, {score.extra}, {score.merged}, {score.idf1:.3f}"


def main() -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=20, help="variants of each scene")
    for row in rows(scenes=parser.parse_args().scenes):
        sys.stdout.write(row + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
