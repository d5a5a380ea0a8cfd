"""Modes: the way on the valence-arousal plane from where the listener is to another mood.

The way is taken one step per window, beginning where the listener is, as music therapists do by
the iso principle (Altshuler, 1948). The evidence that listeners follow is mixed, so whether they do
is counted and told: see `came_nearer`.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType

from moodcue.events import Guidance, Mode
from moodcue.moods import POINT_WORDS
from moodcue.taxonomy import VALENCE_AROUSAL, Emotion
from moodcue_recommender.vectors import Point

GOALS: Mapping[Mode, Point] = MappingProxyType(
    {
        Mode.LIFT: VALENCE_AROUSAL[Emotion.HAPPINESS],
        Mode.CALM: POINT_WORDS["calm"],
        Mode.ENERGISE: POINT_WORDS["energetic"],
    }
)
"""Where the modes lead that lead somewhere."""


def next_target(place: Point, goal: Point, *, step: float) -> Point:
    """Return the point one step from a place toward a goal, or the goal if it is nearer.

    Args:
        place: where the listener is, or the target before.
        goal: where the way ends.
        step: length of a step on the plane.
    """
    distance = math.dist(place, goal)
    if distance <= step:
        return goal
    share = step / distance
    return (
        place[0] + share * (goal[0] - place[0]),
        place[1] + share * (goal[1] - place[1]),
    )


def came_nearer(goal: Point, *, before: Point, now: Point) -> bool:
    """Say whether somebody came nearer to a goal.

    A face that wanders without a direction does so half of the time.
    """
    return math.dist(now, goal) < math.dist(before, goal)


def with_step(guidance: Guidance, *, followed: bool) -> Guidance:
    """Count one more step."""
    return Guidance(
        steps=guidance.steps + 1,
        followed=guidance.followed + followed,
        not_followed=guidance.not_followed + (not followed),
    )
