"""A linear model of faces: principal components, and how people of each emotion are spread.

Eigenfaces (Turk and Pentland, 1991) of laid faces give blurred but plausible ones. Who a person is
comes from how neutral faces are spread; showing another emotion is the optimal transport from the
neutral faces to the faces of that emotion, the map between the two normal distributions that moves
everybody as little as possible. So a person stays the same person.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from moodcue.taxonomy import EMOTIONS
from moodcue_fer.training.generator.data import SIZE, LaidFaces

PERSON: Final = 72
"""Principal components, and so the numbers that say who a face is."""

PIXELS: Final = SIZE * SIZE
FILLS: Final = 5
SPARE: Final = 30
OVAL: Final = (31.5, 33.0, 23.0, 29.0)
"""Middle and half axes in pixels of what counts fully: the face."""

OUTSIDE_WEIGHT: Final = 0.25
OUTLIERS: Final = 0.08
"""Share of the faces left out, those least like the others: hands, masks, drawings."""

OWN_SPREAD: Final = 0.4
"""How much of an emotion's spread is its own; the rest is that of the people."""

MODERATION: Final = 0.8
"""Spread of the people who are drawn, in that of neutral faces: extremes look like nobody."""

LOPSIDED: Final = 0.35
"""The same, on top of it, for what differs between left and right: mostly light and tilt."""

EXPRESSIVENESS: Final = 1.6
"""How much further from neutral the centres of the emotions lie than the mean faces of the data,
many of which show little."""

NEUTRAL_ENOUGH: Final = 0.7
"""Share of neutral from which a face says something of how people are spread."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class FaceSpace:
    """Principal components and the spread of each emotion in them.

    Attributes:
        mean: The mean face, shape (pixels,).
        basis: Components as pictures, shape (pixels, 72): a face is `mean + basis @ place`.
        centres: Place of the mean face of each emotion, shape (7, 72).
        maps: From standard normal numbers to places around the centre, shape (7, 72, 72).
        scale: Standard deviation of each component, shape (72,).
    """

    mean: Floats
    basis: Floats
    centres: Floats
    maps: Floats
    scale: Floats


@dataclass(frozen=True, kw_only=True)
class FittedFaces:
    """A linear model and the faces that it was fitted on.

    Attributes:
        space: The model.
        faces: The faces that were kept.
        places: Their places in it, shape (n, 72).
    """

    space: FaceSpace
    faces: LaidFaces
    places: Floats


def fit_face_space(faces: LaidFaces, *, seed: int = 0) -> FittedFaces:
    """Fit the model, leaving out the faces that are least like the others.

    Args:
        faces: Laid faces. What their masks hide is filled in by the model itself, in rounds.
        seed: Of the search for the components.
    """
    pixels = faces.pictures.reshape(-1, PIXELS)
    masks = faces.masks.reshape(-1, PIXELS)
    shares = _even(faces.emotions)
    weights = pixel_weights()
    mean = _mirrored((pixels * masks).T @ shares / np.maximum(masks.T @ shares, 1e-6))
    filled = np.where(masks > 0, pixels, mean)
    found = np.random.default_rng(seed).normal(size=(PIXELS, PERSON + SPARE)).astype(np.float32)
    values = np.ones(PERSON, np.float32)
    for number in range(FILLS):
        found, values = _components(
            (filled - mean) * weights, shares, start=found, rounds=3 if number else 6
        )
        main = found[:, :PERSON]
        modelled = mean + ((filled - mean) * weights) @ main @ main.T / weights
        filled = np.where(masks > 0, pixels, modelled)
    main = found[:, :PERSON]
    error = (np.square((pixels - modelled) * weights) * masks).sum(1) / masks.sum(1)
    kept = error <= np.quantile(error, 1 - OUTLIERS)
    places = np.asarray(((filled - mean) * weights) @ main, np.float32)[kept]
    centres, maps = _spread(places, faces.emotions[kept], basis=main)
    space = FaceSpace(
        mean=mean,
        basis=np.asarray(main / weights[:, np.newaxis], np.float32),
        centres=centres,
        maps=maps,
        scale=np.sqrt(values[:PERSON]),
    )
    good = LaidFaces(
        pictures=faces.pictures[kept], masks=faces.masks[kept], emotions=faces.emotions[kept]
    )
    return FittedFaces(space=space, faces=good, places=places)


def pixel_weights() -> Floats:
    """Return how much each pixel counts, 0.25 to 1, shape (pixels,): what is in the oval, more."""
    x, y, half_width, half_height = OVAL
    rows, columns = np.mgrid[:SIZE, :SIZE]
    far = ((columns - x) / half_width) ** 2 + ((rows - y) / half_height) ** 2
    inside = 1 / (1 + np.exp((far - 1) * 8))
    return np.asarray(OUTSIDE_WEIGHT + (1 - OUTSIDE_WEIGHT) * inside, np.float32).reshape(-1)


def transport(
    source: npt.NDArray[np.float64], target: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the matrix that carries one normal distribution to another with least movement.

    Args:
        source: Covariance, shape (n, n).
        target: Covariance, shape (n, n).
    """
    root = _root(source)
    back = np.linalg.inv(root)
    return np.asarray(back @ _root(root @ target @ root) @ back)


def _root(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 1e-8))) @ vectors.T)


def _spread(places: Floats, emotions: Floats, *, basis: Floats) -> tuple[Floats, Floats]:
    """Return the centres of the emotions and the maps from standard normal numbers."""
    everywhere = np.asarray(emotions, np.float64)
    # Where the crowd is of two minds a face counts for both; squares favour the clear ones.
    shares = np.square(everywhere) / np.square(everywhere).sum(axis=0)
    centres = shares.T @ places
    spreads = np.stack(
        [
            (places - centre).T @ ((places - centre) * share[:, np.newaxis])
            for centre, share in zip(centres, shares.T, strict=True)
        ]
    )
    neutral = EMOTIONS.index("neutral")
    middle = centres[neutral]
    calm = np.cov(places[emotions[:, neutral] >= NEUTRAL_ENOUGH].T.astype(np.float64))
    people = moderate(calm, spreads.mean(axis=0), basis=basis)
    person = _root(people)
    maps = [
        transport(people, (1 - OWN_SPREAD) * people + OWN_SPREAD * moderate(own, own, basis=basis))
        @ person
        for own in spreads
    ]
    maps[neutral] = person
    clear = middle + EXPRESSIVENESS * (centres - middle)
    return np.asarray(clear, np.float32), np.asarray(np.stack(maps), np.float32)


def moderate(
    people: npt.NDArray[np.float64], all_faces: npt.NDArray[np.float64], *, basis: Floats
) -> npt.NDArray[np.float64]:
    """Return a smaller covariance of people, of what is a person's own.

    What varies more among faces that show something than among neutral ones is expression, and
    is reduced in proportion; what differs between left and right is reduced by `LOPSIDED`.

    Args:
        people: Covariance of neutral faces, shape (72, 72).
        all_faces: Covariance within the emotions, shape (72, 72).
        basis: Components as pictures, shape (pixels, 72).
    """
    root = _root(people)
    back = np.linalg.inv(root)
    ratios, directions = np.linalg.eigh(back @ all_faces @ back)
    shrunk = (directions / np.maximum(ratios, 1.0) ** 2) @ directions.T
    grid = basis.reshape(SIZE, SIZE, -1)
    evenness = (grid * grid[:, ::-1]).sum(axis=(0, 1)) / np.square(grid).sum(axis=(0, 1))
    factors = MODERATION * np.where(evenness < 0, LOPSIDED, 1.0)
    return np.asarray(factors[:, np.newaxis] * (root @ shrunk @ root) * factors)


def _components(
    rows: Floats, shares: Floats, *, start: Floats, rounds: int
) -> tuple[Floats, Floats]:
    """Return leading principal components, shape (pixels, n), and their variances.

    Faces count as much as their mirror images. Subspace iteration: neither all components are
    needed nor the covariance of all pixels.
    """
    weighted = rows * shares[:, np.newaxis]

    def product(directions: Floats) -> Floats:
        mirrored = _mirror_rows(directions)
        twice = weighted.T @ (rows @ directions) + _mirror_rows(weighted.T @ (rows @ mirrored))
        return np.asarray(twice / 2, np.float32)

    found = start
    for _ in range(rounds):
        found = np.asarray(np.linalg.qr(product(found))[0], np.float32)
    values, turn = np.linalg.eigh(found.T @ product(found))
    main = (found @ turn)[:, ::-1]
    # A component may point either way; always the same one, so that a run can be continued.
    largest = np.abs(main).argmax(axis=0)
    main = main * np.sign(main[largest, np.arange(main.shape[1])])
    return np.asarray(main, np.float32), np.asarray(values[::-1], np.float32)


def _even(emotions: Floats) -> Floats:
    """Return weights of the faces, sum 1, that lift rare emotions halfway, shape (n,)."""
    classes = emotions.argmax(axis=1)
    weights = np.bincount(classes, minlength=len(EMOTIONS))[classes] ** -0.5
    return np.asarray(weights / weights.sum(), np.float32)


def _mirror_rows(directions: Floats) -> Floats:
    """Mirror pictures that stand in columns, shape (pixels, n)."""
    grid = directions.reshape(SIZE, SIZE, -1)[:, ::-1]
    return np.asarray(grid.reshape(directions.shape), np.float32)


def _mirrored(picture: Floats) -> Floats:
    grid = picture.reshape(SIZE, SIZE)
    return np.asarray((grid + grid[:, ::-1]) / 2, np.float32).reshape(-1)
