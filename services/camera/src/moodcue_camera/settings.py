"""Settings of the camera, `MOODCUE_CAMERA_...`."""

from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from moodcue.identity import LONGEST_CAMERA
from moodcue.settings import ServiceSettings
from moodcue.topics import name_pattern
from moodcue_camera.moods import parse_moods
from moodcue_camera.sources import mask_credentials


class CameraSettings(ServiceSettings):
    """What the camera can be told."""

    model_config = SettingsConfigDict(env_prefix="MOODCUE_CAMERA_")

    source: str = Field(
        "synthetic",
        min_length=1,
        description="`synthetic`, a webcam's number, a video file, picture or folder of pictures, "
        "or an rtsp://, http:// or https:// URL",
    )
    name: str = Field(
        "camera",
        pattern=name_pattern(LONGEST_CAMERA),
        description="name of the camera in topics and events",
    )
    rate: float = Field(5.0, ge=0.1, le=60, description="frames per second")
    jpeg_quality: int = Field(85, ge=1, le=100, description="quality of the JPEGs")
    max_size: int = Field(
        640, ge=48, le=4096, description="pixels of the longer side; larger pictures are shrunk"
    )
    pace: Literal["media", "workers"] = Field(
        "media",
        description="`media`: a file runs in its own time; `workers`: as fast as the workers "
        "answer, so that no frame is dropped",
    )
    in_flight: int = Field(
        1, ge=1, le=64, description="with pace `workers`: frames that may be unanswered"
    )
    answer_timeout_seconds: float = Field(
        5.0, ge=0.1, le=300, description="with pace `workers`: when a frame is given up"
    )
    loop: bool = Field(False, description="start a file or folder again at its end")
    exit_at_end: bool = Field(False, description="exit with code 0 at the end of a file or folder")
    picture_seconds: float = Field(
        3.0, ge=0.05, le=3600, description="how long each picture of a folder is shown"
    )
    retry_first_seconds: float = Field(
        0.5, ge=0.05, le=60, description="first pause before a broken source is opened again"
    )
    retry_longest_seconds: float = Field(
        30.0, ge=0.05, le=3600, description="pauses double up to this one"
    )
    moods: str = Field(
        "happiness 20, sadness 20",
        description="emotions that the synthetic people show with their seconds, repeated; "
        "`sad 20 s -> happy 20 s` is understood too",
    )
    people: int = Field(1, ge=1, le=3, description="how many synthetic people there are")
    seed: int = Field(
        0,
        ge=0,
        le=2**32 - 1,
        description="of the synthetic people, their motion, light and background",
    )

    @field_validator("moods")
    @classmethod
    def _moods_are_known(cls, text: str) -> str:
        parse_moods(text)
        return text

    def masked(self) -> dict[str, str]:
        """Return the effective settings fit for a log line, without a URL's password."""
        return super().masked() | {"source": mask_credentials(self.source)}
