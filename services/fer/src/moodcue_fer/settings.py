"""Settings of the face-emotion worker: environment variables `MOODCUE_FER_…`."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from moodcue.settings import ServiceSettings
from moodcue_fer.model import DEFAULT_MODEL, SHIPPED_MODELS, Provider, ShippedName
from moodcue_fer.personal import parse_shares


class FerSettings(ServiceSettings):
    """What the worker can be told."""

    model_config = SettingsConfigDict(env_prefix="MOODCUE_FER_")

    model: ShippedName = Field(
        DEFAULT_MODEL,
        description="which of the shipped networks reads the faces; the light one does a tenth "
        "of the work and is right less often",
    )
    model_dir: Path | None = Field(
        None,
        description="folder of another network, with model.onnx and manifest.json; none: the one "
        "shipped",
    )
    detector: Literal["haar", "yunet"] = Field("haar", description="what finds the faces")
    yunet_model: Path | None = Field(
        None, description="ONNX file of YuNet; needed with the detector yunet"
    )
    search_pixels: int = Field(
        320,
        ge=80,
        le=4096,
        description="longer side in pixels to which a frame is reduced to seek faces in it",
    )
    full_search_seconds: float = Field(
        1.0,
        ge=0,
        le=60,
        description="capture time after which a whole frame is searched again instead of the "
        "places where faces were; 0: every frame",
    )
    most_faces: int = Field(
        16, ge=1, le=256, description="most faces of a frame that are read, the largest ones"
    )
    minimum_face_pixels: int = Field(
        32, ge=1, le=4096, description="smallest side of a face in the full frame that is read"
    )
    minimum_brightness: float = Field(
        0.12, ge=0, le=1, description="darkest mean grey level of a face that is read"
    )
    minimum_sharpness: float = Field(
        80.0, ge=0, description="smallest variance of the Laplacian of a face that is read"
    )
    minimum_frontality: float = Field(
        0.3,
        ge=0,
        le=1,
        description="least frontality of a face that is read: 1 looks at the camera, 0 is a "
        "profile",
    )
    expected_mix: str | None = Field(
        None,
        description="shares of emotions that are usual here, such as `neutral=0.7,happiness=0.2`, "
        "to correct readings for; none: the even ones that the model is made for",
    )
    neutral_baseline: Path | None = Field(
        None, description="file of one's own face at rest, made by `moodcue-fer baseline`"
    )
    neutral_strength: float = Field(
        0.5,
        ge=0,
        le=1,
        description="share of the difference to the usual neutral face that is taken out",
    )
    provider: Provider = Field("cpu", description="where ONNX Runtime runs the network")

    @property
    def model_folder(self) -> Path:
        """Folder of the network that is asked for."""
        return self.model_dir or SHIPPED_MODELS / self.model

    @field_validator("expected_mix")
    @classmethod
    def _shares(cls, text: str | None) -> str | None:
        if text is not None:
            parse_shares(text)
        return text
