"""Settings of the recommender."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from moodcue.settings import ServiceSettings

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
    songs: int = Field(5, ge=1, le=MAX_SONGS, description="songs per window")
    repeat_memory: int = Field(
        20, ge=0, le=1000, description="how many songs must pass before one comes again"
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
