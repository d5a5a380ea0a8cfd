"""Settings of the aggregator."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from moodcue.identity import NS_PER_SECOND
from moodcue.settings import ServiceSettings
from moodcue_aggregator.summary import HoldRules
from moodcue_aggregator.tracks import TrackRules
from moodcue_aggregator.window import WindowRules


class AggregatorSettings(ServiceSettings):
    """What the aggregator can be told."""

    model_config = SettingsConfigDict(env_prefix="MOODCUE_AGGREGATOR_")

    window_seconds: float = Field(15.0, ge=1, le=600, description="length of a window")
    lateness_seconds: float = Field(
        1.0, ge=0, le=60, description="how far a frame may come behind the newest one"
    )
    idle_grace_seconds: float = Field(
        2.0, ge=0, le=60, description="extra wait before silence closes a window"
    )
    min_coverage: float = Field(
        0.2, ge=0, le=1, description="hold `too_few_frames` under this share of expected frames"
    )
    min_confidence: float = Field(
        0.45, ge=0, le=1, description="hold `low_confidence` under this confidence"
    )
    disagreement_distance: float = Field(
        0.6, ge=0, le=1, description="total variation distance above which two people differ"
    )
    majority_share: float = Field(
        0.6, ge=0.5, le=1, description="share of the weight that like-minded people must have"
    )
    track_silence_seconds: float = Field(
        2.0, ge=0.1, le=60, description="a person not seen for longer has left"
    )
    track_memory_seconds: float = Field(
        120.0, ge=0, le=3600, description="who left for no longer may be known again by their looks"
    )
    max_remembered_people: int = Field(
        16, ge=0, le=100, description="people of a camera who left and are remembered"
    )
    max_cameras: int = Field(
        64, ge=1, le=1000, description="cameras followed; the one silent for longest falls out"
    )
    max_frames: int = Field(
        20_000, ge=10, le=100_000, description="frames kept for the open window of one camera"
    )
    broker_wait_seconds: float = Field(
        60.0, ge=1, le=3600, description="how long the start waits for the broker's history"
    )

    def window_rules(self) -> WindowRules:
        """Return how events become windows."""
        return WindowRules(
            length=_nanoseconds(self.window_seconds),
            lateness=_nanoseconds(self.lateness_seconds),
            idle_grace=_nanoseconds(self.idle_grace_seconds),
            tracks=TrackRules(
                silence=_nanoseconds(self.track_silence_seconds),
                memory=_nanoseconds(self.track_memory_seconds),
                max_remembered=self.max_remembered_people,
            ),
            max_cameras=self.max_cameras,
            max_frames=self.max_frames,
        )

    def hold_rules(self) -> HoldRules:
        """Return when a window has no answer."""
        return HoldRules(
            min_coverage=self.min_coverage,
            min_confidence=self.min_confidence,
            disagreement_distance=self.disagreement_distance,
            majority_share=self.majority_share,
        )


def _nanoseconds(seconds: float) -> int:
    return round(seconds * NS_PER_SECOND)
