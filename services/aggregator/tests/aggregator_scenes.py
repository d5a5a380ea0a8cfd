"""Scenes of people with known truth: what a detector would report of them, and how to score it.

Nothing is rendered here. What was measured on rendered people (`aggregator_people.py`, 40 of them,
4 places each) is put in as numbers:

- centre of a box off by 5 % of the face, size by 8 %, as a Haar cascade gives it;
- a figure of a description varies by 0.52 from picture to picture in one place, and by 0.31 from
  place to place; here by 0.7 and 0.45, since real clothes fold and real light has a direction;
- clothes are those of whoever stands in front as far as that person covers them;
- between people, a figure varies by 2.3 in about four independent ways; here by 1.8.
"""

import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from moodcue.events import Face, FaceEmotion, FaceProblem, FrameStatus
from moodcue.identity import NS_PER_SECOND
from moodcue_aggregator.looks import compare
from moodcue_aggregator.tracks import TrackRules
from moodcue_aggregator.window import WindowRules, Windows

WIDTH, HEIGHT = 640, 480
FIGURES = 23
_CLOTHES = (*range(9, 15), *range(18, 23))
_PICTURE_NOISE = 0.7
_PLACE_NOISE = 0.45
_BETWEEN = 1.8
_WAYS = (51.0, 28.0, 16.0, 13.0, 5.0, 4.0, 2.0, 2.0, 1.0, 1.0)
"""Variance between people along independent ways: the eigenvalues of the measured one."""

_DISTINCT = 1.7
"""Least difference of people whom a watcher would never take for each other."""

Figures = tuple[float, ...]
Place = tuple[float, float, float]
"""Column and row of the centre of a face, and its side, in pixels."""

LEFT: Place = (180.0, 220.0, 100.0)
RIGHT: Place = (440.0, 230.0, 90.0)
MIDDLE: Place = (310.0, 170.0, 70.0)
DOOR: Place = (-60.0, 220.0, 85.0)
OTHER_DOOR: Place = (700.0, 220.0, 85.0)


@dataclass(frozen=True)
class Step:
    """Somebody is at a place at a time, in seconds; between two steps they walk.

    Attributes:
        time: in seconds.
        place: none while they are away.
    """

    time: float
    place: Place | None


@dataclass(frozen=True, kw_only=True)
class Script:
    """What happens in a scene.

    Attributes:
        people: the steps of each person.
        seconds: how long it lasts.
        rate: frames per second.
        missed: share of the faces that the detector misses while people sit.
        dropped: share of the frames that are lost, in bursts of about a second.
        light: time in seconds at which the light changes.
        turns: whether people turn their heads away now and then, for 1 to 3 seconds.
        alike: whether all look so much the same that a watcher would have to look twice.
        described: whether the faces come with descriptions.
    """

    people: dict[str, tuple[Step, ...]]
    seconds: float
    rate: float = 5.0
    missed: float = 0.05
    dropped: float = 0.0
    light: float | None = None
    turns: bool = False
    alike: bool = False
    described: bool = True


@dataclass
class Score:
    """How well identities were kept; sums over scenes.

    Attributes:
        switches: times that a person's number changed from one sighting to the next (IDSW).
        extra: numbers of a person beyond the first.
        merged: people of a number beyond the first.
        kept: sightings that the best assignment of numbers to people explains (IDTP).
        truths: sightings of people.
        found: sightings with a number.
        scenes: scenes with at least one switch or merger, and all of them.
    """

    switches: int = 0
    extra: int = 0
    merged: int = 0
    kept: int = 0
    truths: int = 0
    found: int = 0
    scenes: list[bool] = field(default_factory=list)

    @property
    def idf1(self) -> float:
        """Harmonic mean of the precision and recall of identities, 0..1."""
        return 2 * self.kept / max(1, self.truths + self.found)


def play(script: Script, *, seed: int) -> Iterator[tuple[FaceEmotion, tuple[str, ...]]]:
    """Yield what a worker would report of each frame, and who each face is; empty for nobody."""
    chance = random.Random(seed)
    cast = _cast(script, chance)
    away: dict[str, float] = {}
    lost_until = 0.0
    for number in range(round(script.seconds * script.rate)):
        time = number / script.rate + chance.uniform(-0.1, 0.1) / script.rate
        if script.dropped and chance.random() < script.dropped / script.rate:
            lost_until = time + chance.uniform(0.5, 1.5)
        _turn_heads(script, away, time=time, chance=chance)
        seen = _sightings(script, cast, away, time=time, chance=chance)
        if time < lost_until:
            continue
        chance.shuffle(seen)
        yield (
            event_of(number, time, script.rate, [face for _, face in seen]),
            tuple(name for name, _ in seen),
        )


Scene = list[tuple[FaceEmotion, tuple[str, ...]]]
"""What was seen of each frame, and who each face is."""


def judge(scenes: Iterable[Scene]) -> Score:
    """Score the numbers that the people of some scenes get."""
    score = Score()
    for scene in scenes:
        numbers = numbers_by_windows([event for event, _ in scene])
        _add_scene(score, [names for _, names in scene], numbers)
    return score


def judge_script(script: Script, *, seeds: Iterable[int]) -> Score:
    """Score a scene in several variants."""
    return judge(list(play(script, seed=seed)) for seed in seeds)


def numbers_by_windows(events: Sequence[FaceEmotion]) -> list[tuple[int | None, ...]]:
    """Return the numbers of the faces of each event, by the windows of the service."""
    second = NS_PER_SECOND
    rules = WindowRules(
        length=15 * second,
        lateness=second,
        idle_grace=2 * second,
        tracks=TrackRules(silence=2 * second, memory=120 * second, max_remembered=16),
        max_cameras=1,
        max_frames=20_000,
    )
    windows = Windows(rules)
    closed = [window for event in events for window in windows.add(event, now=0)]
    closed += windows.tick(now=3600 * second)
    by_frame = {
        frame.frame_id: people
        for window in closed
        for frame, people in zip(window.frames, window.people, strict=True)
    }
    return [by_frame[event.frame_id] for event in events]


def _add_scene(
    score: Score,
    truth: Sequence[tuple[str, ...]],
    numbers: Sequence[tuple[int | None, ...]],
) -> None:
    last: dict[str, int] = {}
    pairs: Counter[tuple[str, int]] = Counter()
    switches = 0
    for names, given in zip(truth, numbers, strict=True):
        for name, number in zip(names, given, strict=True):
            score.truths += bool(name)
            score.found += number is not None
            if name and number is not None:
                switches += last.get(name, number) != number
                last[name] = number
                pairs[name, number] += 1
    merged = len(pairs) - len({number for _, number in pairs})
    score.switches += switches
    score.extra += len(pairs) - len({name for name, _ in pairs})
    score.merged += merged
    score.kept += _explained(pairs)
    score.scenes.append(bool(switches or merged))


def _explained(pairs: Counter[tuple[str, int]]) -> int:
    names = sorted({name for name, _ in pairs})
    numbers = sorted({number for _, number in pairs})
    table = np.array([[pairs[name, number] for number in numbers] for name in names])
    return int(table[linear_sum_assignment(-table)].sum()) if table.size else 0


@dataclass
class _Actor:
    """Somebody of a scene: how they look in general, and in the place where they are now."""

    looks: Figures
    place: Place | None = None
    here: Figures = ()


def _cast(script: Script, chance: random.Random) -> dict[str, _Actor]:
    """Draw people who are as different, or as alike, as the script has it."""
    generator = np.random.default_rng(chance.randrange(2**32))
    basis = np.linalg.qr(np.random.default_rng(5).normal(size=(FIGURES, FIGURES)))[0]
    spread = np.sqrt(np.array(_WAYS) / sum(_WAYS) * FIGURES) * _BETWEEN
    cast: dict[str, _Actor] = {}
    while len(cast) < len(script.people):
        drawn = basis[:, : len(_WAYS)] @ (spread * generator.normal(size=len(_WAYS)))
        if script.alike and cast:
            first = np.array(next(iter(cast.values())).looks)
            drawn = first + 0.4 * (drawn - first)
        looks = tuple(np.where(drawn == 0, 0.001, drawn).tolist())
        apart = [_apart(looks, other.looks) for other in cast.values()]
        if script.alike or all(value >= _DISTINCT for value in apart):
            cast[list(script.people)[len(cast)]] = _Actor(looks)
    return cast


def _apart(one: Figures, other: Figures) -> float:
    found = compare(one, other)
    return found.apart if found else 0.0


def _turn_heads(
    script: Script, away: dict[str, float], *, time: float, chance: random.Random
) -> None:
    for name in script.people:
        if script.turns and time > away.get(name, 0.0) and chance.random() < 0.1 / script.rate:
            away[name] = time + chance.uniform(1, 3)


def _sightings(
    script: Script,
    cast: dict[str, _Actor],
    away: dict[str, float],
    *,
    time: float,
    chance: random.Random,
) -> list[tuple[str, Face]]:
    places = {
        name: place
        for name, steps in script.people.items()
        if (place := where(steps, time)) is not None
    }
    seen: list[tuple[str, Face]] = []
    for name, place in places.items():
        turned = time < away.get(name, 0.0)
        walking = where(script.people[name], time - 0.2) != place
        missed = 0.7 if turned else max(script.missed, 0.3 if walking else 0.0)
        in_front = [n for n, p in places.items() if n != name and p[2] > place[2]]
        hidden = any(_covers(places[n], place) for n in in_front)
        inside = 0 < place[0] < WIDTH
        figures = _look(script, cast[name], place, time=time, turned=turned, chance=chance)
        for other in in_front:
            figures = _mixed(figures, cast[other].looks, share=_covered(places[other], place))
        if inside and not hidden and chance.random() >= missed:
            seen.append((name, _face(script, place, figures, turned=turned, chance=chance)))
    if chance.random() < 0.1 / script.rate:
        somewhere = (chance.uniform(30, 610), chance.uniform(30, 450), chance.uniform(30, 120))
        figures = tuple(chance.gauss(0, 2) for _ in range(FIGURES))
        seen.append(("", _face(script, somewhere, figures, turned=False, chance=chance)))
    return seen


def where(steps: Sequence[Step], time: float) -> Place | None:
    """Return where somebody is: on the straight line between two steps, or away."""
    before = [step for step in steps if step.time <= time]
    after = [step for step in steps if step.time > time]
    if not before:
        return None
    last = before[-1]
    if not after or after[0].place is None:
        return last.place
    share = (time - last.time) / (after[0].time - last.time)
    return _between(last.place, after[0].place, share=share) if last.place else None


def _between(one: Place, other: Place, *, share: float) -> Place:
    return (
        one[0] + share * (other[0] - one[0]),
        one[1] + share * (other[1] - one[1]),
        one[2] + share * (other[2] - one[2]),
    )


def _covers(front: Place, behind: Place) -> bool:
    return math.dist(front[:2], behind[:2]) < 0.6 * front[2]


def _look(
    script: Script,
    actor: _Actor,
    place: Place,
    *,
    time: float,
    turned: bool,
    chance: random.Random,
) -> Figures:
    """Return a description as of this picture; what lies below the frame is not seen."""
    if actor.place is None or math.dist(actor.place, place) > place[2]:
        actor.place = place
        actor.here = tuple(chance.gauss(0, _PLACE_NOISE) for _ in range(FIGURES))
    dimmed = script.light is not None and time > script.light
    head = 1.0 if turned else 0.0
    figures = [
        base
        + here
        + chance.gauss(0, _PICTURE_NOISE)
        + (0.5 if dimmed and i % 2 else 0.0)
        + (head if i not in _CLOTHES else 0.0)
        for i, (base, here) in enumerate(zip(actor.looks, actor.here, strict=True))
    ]
    below = {9: 0.65, 10: 1.0, 11: 1.3, 12: 1.75, 13: 1.1, 14: 1.6}
    lowest = (HEIGHT - place[1]) / place[2]
    unseen = {i for i, need in below.items() if lowest < need}
    unseen |= set(range(18, 23)) if lowest < 1.45 else set()
    return tuple(0.0 if i in unseen else figure or 0.001 for i, figure in enumerate(figures))


def _covered(front: Place, behind: Place) -> float:
    """Return how much of somebody's clothes another person hides: shoulders are two faces wide."""
    return min(1.0, max(0.0, 1.6 - math.dist(front[:2], behind[:2]) / front[2]))


def _mixed(figures: Figures, front: Figures, *, share: float) -> Figures:
    return tuple(
        figure + share * (front[i] - figure) if i in _CLOTHES and figure else figure
        for i, figure in enumerate(figures)
    )


def _face(
    script: Script, place: Place, figures: Figures, *, turned: bool, chance: random.Random
) -> Face:
    x, y, size = place
    side = size * chance.uniform(0.92, 1.08)
    left = x - side / 2 + chance.gauss(0, 0.05 * size)
    top = y - side / 2 + chance.gauss(0, 0.05 * size)
    return Face(
        box=(round(left), round(top), round(side), round(side)),
        score=0.8,
        probabilities=None if turned else (0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1),
        problem=FaceProblem.TURNED_AWAY if turned else None,
        appearance=figures if script.described else (),
    )


def event_of(number: int, time: float, rate: float, faces: Sequence[Face]) -> FaceEmotion:
    """Return the event of a frame; `time` in seconds of the scene."""
    return FaceEmotion(
        id=f"answer-{number}",
        source="fer/1",
        seq=number + 1,
        time=round((1000 + time) * NS_PER_SECOND),
        trace=f"trace-{number}",
        camera="room",
        frame_id=f"frame-{number}",
        frame_seq=number + 1,
        rate=rate,
        width=WIDTH,
        height=HEIGHT,
        status=FrameStatus.OK if faces else FrameStatus.NO_FACE,
        faces=tuple(faces),
    )


def sits(place: Place) -> tuple[Step, ...]:
    """Somebody sits all the time."""
    return (Step(0, place),)


def leaves(
    place: Place,
    *,
    at: float,
    for_seconds: float | None,
    to: Place | None = None,
    door: Place = DOOR,
) -> tuple[Step, ...]:
    """Somebody leaves through a door, two seconds on the way, and may return to some place."""
    steps = (Step(0, place), Step(at, place), Step(at + 2, door), Step(at + 2.01, None))
    if for_seconds is None:
        return steps
    back = at + 2 + for_seconds
    return (*steps, Step(back, door), Step(back + 2, to or place))


def crosses(
    *, size: float, at: float = 5, seconds: float = 4, leftwards: bool = False
) -> tuple[Step, ...]:
    """Somebody walks from one side of the picture to the other and stays there."""
    start, end = (0.9 * size, 230.0, size), (WIDTH - 0.9 * size, 230.0, size)
    if leftwards:
        start, end = end, start
    return (Step(0, start), Step(at, start), Step(at + seconds, end))


def scripts() -> dict[str, Script]:
    """Return all scenes by name; those that `HARD` names are not for sure even for a watcher."""
    two = {"a": sits(LEFT), "b": sits(RIGHT)}
    near, level = (
        {"a": crosses(size=100), "b": crosses(size=other, leftwards=True)} for other in (60.0, 95.0)
    )
    behind, aside = (310.0, 230.0, 60.0), (610.0, 230.0, 60.0)
    scenes = {
        "two sit": Script(people=two, seconds=60),
        "two sit, 40 % missed": Script(people=two, seconds=60, missed=0.4),
        "two sit, frames dropped": Script(people=two, seconds=60, dropped=0.3),
        "two sit, the light changes": Script(people=two, seconds=60, light=30),
        "two sit and turn their heads": Script(people=two, seconds=60, turns=True),
        "two cross, one far": Script(people=near, seconds=16),
        "two cross, one far, frames dropped": Script(people=near, seconds=16, dropped=0.3),
        "two cross at one distance": Script(people=level, seconds=16),
    }
    for gap in (5, 20, 60):
        for where, to in (("", LEFT), (", sits elsewhere", MIDDLE)):
            scenes[f"one is away for {gap} s{where}"] = Script(
                people={"a": leaves(LEFT, at=12, for_seconds=gap, to=to), "b": sits(RIGHT)},
                seconds=34 + gap,
            )
    scenes["two leave and return swapped"] = Script(
        people={
            "a": leaves(LEFT, at=12, for_seconds=20, to=RIGHT),
            "b": leaves(RIGHT, at=13, for_seconds=22, to=LEFT, door=OTHER_DOOR),
        },
        seconds=54,
    )
    scenes["a third takes the place of one who left"] = Script(
        people={
            "a": leaves(LEFT, at=12, for_seconds=None),
            "b": sits(RIGHT),
            "c": (Step(17, DOOR), Step(19, LEFT)),
        },
        seconds=40,
    )
    scenes["three, one walks behind the others"] = Script(
        people={**two, "c": (Step(0, behind), Step(8, behind), Step(11, aside))}, seconds=30
    )
    for rate in (2.0, 15.0):
        scenes[f"two cross, one far, {rate:g} a second"] = replace(
            scenes["two cross, one far"], rate=rate
        )
        scenes[f"one is away for 20 s, {rate:g} a second"] = replace(
            scenes["one is away for 20 s"], rate=rate
        )
    scenes["look-alikes cross at one distance"] = replace(
        scenes["two cross at one distance"], alike=True
    )
    scenes["a look-alike takes the place of one who left"] = replace(
        scenes["a third takes the place of one who left"], alike=True
    )
    return scenes


HARD = frozenset(
    {
        "look-alikes cross at one distance",
        "a look-alike takes the place of one who left",
    }
)
"""Scenes in which a watcher would not be sure either."""
