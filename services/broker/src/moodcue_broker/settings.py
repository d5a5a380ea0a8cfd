"""Settings of the broker."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from moodcue.settings import ServiceSettings


class BrokerSettings(ServiceSettings):
    """What the broker can be told."""

    model_config = SettingsConfigDict(env_prefix="MOODCUE_BROKER_")

    bind_host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 for all")
    allow_plaintext: bool = Field(
        False, description="listen beyond this machine without encryption, on a trusted network"
    )
    history_events: int = Field(
        1000, ge=1, le=1_000_000, description="events kept for replay, per topic"
    )
    history_megabytes: int = Field(
        256, ge=1, le=65_536, description="memory that all kept events may take, in MiB"
    )
    max_topics: int = Field(
        1000, ge=1, le=100_000, description="topics kept; the least recently used one falls out"
    )
    max_cameras: int = Field(
        1000, ge=1, le=100_000, description="cameras with a waiting frame at the same time"
    )
    max_frame_age_seconds: float = Field(
        2.0, gt=0, le=60, description="a frame that waited longer for a worker is dropped"
    )
    worker_timeout_seconds: float = Field(
        5.0, ge=1, le=600, description="a worker that is silent for longer counts as dead"
    )
