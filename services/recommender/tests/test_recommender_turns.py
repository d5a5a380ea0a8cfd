from recommender_harness import RULES

from moodcue_recommender.listeners import simulate
from moodcue_recommender.turns import turns


def test_waiting_takes_away_most_needless_turns_and_costs_hardly_any_right_ones() -> None:
    found = turns(simulate(4000, seed=2), RULES.room)
    moods = found["mood"]["turns_per_hour"]
    at_once, waits = found["music_at_once"], found["music_that_waits"]

    assert waits["turns_per_hour"] - moods < 0.5 * (at_once["turns_per_hour"] - moods)
    assert waits["right"] > at_once["right"] - 0.03
