"""Settings of the recommender."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from moodcue.identity import NS_PER_SECOND
from moodcue.settings import ServiceSettings
from moodcue_recommender.groups import GroupPolicy
from moodcue_recommender.rooms import RoomRules
from moodcue_recommender.rules import Weights
from moodcue_recommender.taste import TasteRules
from moodcue_recommender.vectors import Matching
from moodcue_recommender.wishes import Rules

_NS_PER_MINUTE = 60 * NS_PER_SECOND
_NS_PER_DAY = 24 * 60 * _NS_PER_MINUTE

MAX_SONGS = 50
"""The most songs that one answer holds, as the contract bounds a request."""


class RecommenderSettings(ServiceSettings):
    """What the recommender can be told, besides what every service can."""

    model_config = SettingsConfigDict(env_prefix="MOODCUE_RECOMMENDER_")

    index_dir: Path = Field(
        Path(".moodcue/index"), description="folder of the published library index"
    )
    state_dir: Path = Field(
        Path(".moodcue/recommender"), description="folder of the log of recommendations"
    )
    matching: Matching = Field(
        Matching.PLANE, description="how faces and songs are compared: plane, cosine"
    )
    songs: int = Field(5, ge=1, le=MAX_SONGS, description="songs per window")
    repeat_memory: int = Field(
        20,
        ge=0,
        le=1000,
        description="how many songs must pass before one comes again, while enough others fit",
    )
    remembered_songs: int = Field(
        10_000,
        ge=0,
        le=100_000,
        description="songs of each camera of which it is known when and how often they came",
    )
    dwell_windows: int = Field(
        4, ge=1, le=100, description="windows that a new emotion must last before the songs turn"
    )
    clear_lead: float = Field(
        0.25, ge=0, le=1, description="lead over the old emotion from which it need not last"
    )
    mode_step: float = Field(
        0.15,
        gt=0,
        le=3,
        description="how far a mode goes per window on the valence-arousal plane",
    )
    group_policy: GroupPolicy = Field(
        GroupPolicy.MEAN,
        description="whose mood counts of several: mean, least_misery, take_turns, lead",
    )
    turn_windows: int = Field(
        12, ge=1, le=1000, description="windows that one person's turn lasts, by `take_turns`"
    )
    taste_margin: float = Field(
        0.3,
        ge=0,
        le=1,
        description="largest difference of scores over which a liked song passes a disliked one",
    )
    dislike_days: float = Field(
        30.0, ge=0, le=3650, description="how long a disliked song stays away"
    )
    not_now_minutes: float = Field(
        60.0, ge=0, le=100_000, description="how long a song stays away that is not wanted now"
    )
    keep_recommendations: int = Field(
        10_000, ge=100, le=1_000_000, description="how many recommendations the log keeps"
    )
    republish: int = Field(
        100,
        ge=0,
        le=1000,
        description="how many recommendations of each camera a restarted broker gets again",
    )
    index_poll_seconds: float = Field(
        1.0, ge=0.05, le=3600, description="time between two looks at the index's manifest"
    )
    catch_up_seconds: float = Field(
        300.0,
        ge=0,
        le=86_400,
        description="age up to which windows that came during a restart are still answered",
    )

    def rules(self) -> Rules:
        """Return how questions are answered."""
        return Rules(
            songs=self.songs,
            room=RoomRules(
                dwell_windows=self.dwell_windows,
                clear_lead=self.clear_lead,
                step=self.mode_step,
                group=self.group_policy,
                turn_windows=self.turn_windows,
            ),
            weights=Weights(repeat_memory=self.repeat_memory),
            taste=TasteRules(
                margin=self.taste_margin,
                dislike=round(self.dislike_days * _NS_PER_DAY),
                not_now=round(self.not_now_minutes * _NS_PER_MINUTE),
            ),
        )
