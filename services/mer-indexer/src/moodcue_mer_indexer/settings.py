"""Settings of the service, from the environment."""

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from moodcue.settings import ServiceSettings


def number_of_cores() -> int:
    """Return how many cores this machine has."""
    return os.cpu_count() or 1


class IndexerSettings(ServiceSettings):
    """What the indexer can be told; variables begin with `MOODCUE_MER_INDEXER_`."""

    model_config = SettingsConfigDict(env_prefix="MOODCUE_MER_INDEXER_")

    music_dir: Path | None = Field(
        None, description="folder of the music library, only read; none: the composed one"
    )
    index_dir: Path = Field(Path(".moodcue/index"), description="folder of the published index")
    model_dir: Path | None = Field(
        None, description="folder of the model; none: the one that comes with the package"
    )
    compose_if_empty: bool = Field(
        default=True, description="take the composed library when the music folder has no music"
    )
    compose_dir: Path = Field(
        Path(".moodcue/music"), description="folder that the composed library is written to"
    )
    compose_pieces: int = Field(
        36, ge=4, le=196, description="number of pieces of the demo library"
    )
    compose_seed: int = Field(
        1, ge=0, le=2**31, description="another seed gives another demo library"
    )
    workers: int = Field(
        default_factory=number_of_cores,
        ge=1,
        le=256,
        description="processes that analyse or compose; each uses one core",
    )
    watch: bool = Field(
        default=False, description="keep running, and renew the index when the music changes"
    )
    settle_seconds: float = Field(
        2.0, ge=0.1, le=3600, description="how long a new file must stay the same before it is read"
    )
    rescan_seconds: float = Field(
        300.0, ge=1, le=86_400, description="longest time from one look at all files to the next"
    )
    announce_seconds: float = Field(
        2.0, ge=0, le=60, description="how long to wait for the broker before telling it"
    )
