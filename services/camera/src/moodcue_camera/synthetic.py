"""The synthetic camera: a face that shows scripted moods, moving in changing light."""

from moodcue_camera.moods import Mood, weights_at
from moodcue_camera.portrait import FACE_CENTRE, Portrait
from moodcue_camera.scene import Scene
from moodcue_camera.sources import Image


class SyntheticCamera:
    """Pictures of a person that need no file and no camera; it never ends.

    The picture of a media time depends on that time, the script and the seed alone.

    Args:
        moods: script, repeated.
        seed: of motion, light and background.
    """

    def __init__(self, moods: tuple[Mood, ...], *, seed: int) -> None:
        self._moods = moods
        self._scene = Scene(seed=seed)
        self._portrait: Portrait | None = None

    @property
    def name(self) -> str:
        """What a person calls it."""
        return "synthetic camera"

    @property
    def rate_limit(self) -> float | None:
        """None: there is a picture for every moment."""
        return None

    @property
    def duration_seconds(self) -> float:
        """Endless."""
        return float("inf")

    def rewind(self) -> None:
        """Load the portrait.

        Raises:
            SourceError: if the portrait is not installed.
        """
        self._portrait = Portrait()

    def picture_at(self, seconds: float) -> Image | None:
        """Return the picture of a media time, BGR, shape (480, 640, 3)."""
        portrait = self._portrait or Portrait()
        self._portrait = portrait
        return self._scene.compose(
            portrait.showing(weights_at(self._moods, seconds)),
            portrait.outline,
            face_centre=FACE_CENTRE,
            seconds=seconds,
        )

    def close(self) -> None:
        """Nothing is held open."""
