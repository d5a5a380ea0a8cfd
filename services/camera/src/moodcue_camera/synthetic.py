"""The synthetic source: people who do not exist, who show scripted moods in changing light."""

from moodcue.taxonomy import EMOTIONS
from moodcue_camera.figure import FACE_CENTRE, Figure
from moodcue_camera.generator import FaceGenerator
from moodcue_camera.moods import Mood, weights_at
from moodcue_camera.scene import Scene
from moodcue_camera.sources import Image


class SyntheticPeople:
    """A `MediaSource` that needs no file and no camera, and never ends.

    The picture of a media time depends on that time, the script and the seed alone.

    Args:
        moods: Script, repeated; everybody follows it.
        seed: Of the people, their motion, the light and the background.
        people: How many there are, 1 to 3, side by side.
    """

    def __init__(self, moods: tuple[Mood, ...], *, seed: int, people: int = 1) -> None:
        self._moods = moods
        self._seed = seed
        self._people = people
        self._scene = Scene(seed=seed, people=people)
        self._figures: list[Figure] | None = None

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
        """Load the generator and draw the people.

        Raises:
            ModelError: if the generator is not there or damaged.
        """
        generator = FaceGenerator()
        self._figures = [
            Figure(generator, seed=self._seed + number) for number in range(self._people)
        ]

    def picture_at(self, seconds: float) -> Image | None:
        """Return the picture of a media time, BGR, shape (480, 640, 3)."""
        if self._figures is None:
            self.rewind()
        weights = weights_at(self._moods, seconds)
        emotion = [weights.get(name, 0.0) for name in EMOTIONS]
        return self._scene.compose(
            [(figure.showing(emotion), figure.outline) for figure in self._figures or ()],
            face_centre=FACE_CENTRE,
            seconds=seconds,
        )

    def close(self) -> None:
        """Nothing is held open."""
