"""Measure a generator: are its faces found, read as meant, varied, and of nobody we know."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from moodcue.taxonomy import EMOTIONS
from moodcue_fer.datasets import load_ck_plus
from moodcue_fer.detectors import FaceDetector, HaarDetector, YuNetDetector
from moodcue_fer.faces import GreyPicture, crop_face
from moodcue_fer.generator import GREY, SIZE, FaceGenerator, Faces, as_picture, draw_person, pure
from moodcue_fer.model import FerModel
from moodcue_fer.training.generator.alignment import refine_placements
from moodcue_fer.training.generator.data import OVAL, LaidFaces, lay, oval_mask, placement
from moodcue_fer.training.generator.faces import find_landmarks, load_faces

FRAME_SIZE: Final = (480, 640)
INNER: Final = (31.5, 31.0, 19.0, 23.0)
"""Middle and half axes in pixels of the part of a laid face that nearly all pictures show."""

SHOWN: Final = (31.5, 32.5, 21.0, 27.5)
"""The same of what is shown to detectors and readers."""

SOFT: Final = 6
HAIR: Final = 60.0
"""Softness of the borders in pixels, and the grey level around a face."""

USUAL_DEVIATION: Final = 0.29
GAINS: Final = (0.8, 1.6)
"""Contrast that faces are brought to, and the limits of that, as the synthetic camera does."""

SAME_PERSON_QUANTILE: Final = 0.01
BATCH: Final = 250


def evaluate_folder(
    folder: Path,
    *,
    data: Path,
    ck48: Path,
    yunet: Path,
    readers: Mapping[str, FerModel],
    count: int = 500,
) -> Iterator[dict[str, Any]]:
    """Measure the generator of a model folder: one record of its faces, one of their novelty.

    Args:
        folder: Model folder of the generator.
        data: Folder of FER2013.
        ck48: Folder of the CK+ crops.
        yunet: ONNX file of YuNet.
        readers: Read emotions, by name.
        count: Faces of each emotion.
    """
    generator = FaceGenerator(folder)
    detectors: dict[str, FaceDetector] = {"haar": HaarDetector(), "yunet": YuNetDetector(yunet)}
    yield evaluate_generator(generator, readers=readers, detectors=detectors, count=count)
    training = load_faces(data, ck48=ck48, yunet=yunet)
    yield measure_novelty(generator, training=training, ck48=ck48, yunet=yunet, count=count)


def evaluate_generator(
    generator: FaceGenerator,
    *,
    readers: Mapping[str, FerModel],
    detectors: Mapping[str, FaceDetector],
    count: int = 500,
) -> dict[str, Any]:
    """Measure faces of the first seeds, each with every emotion, through the way of a frame.

    Args:
        generator: Draws the faces.
        readers: Read emotions, by name.
        detectors: Find faces, by name; the readers read what the first one found.
        count: Faces of each emotion.

    Returns:
        Shares of faces found by each detector and read as meant by each reader, over all and by
        emotion.
    """
    found: dict[str, list[bool]] = {name: [] for name in detectors}
    right: dict[str, list[npt.NDArray[np.bool_]]] = {name: [] for name in readers}
    for number, emotion in enumerate(EMOTIONS):
        crops = []
        for seed in range(count):
            frame = on_grey(generator.face(draw_person(seed), pure(emotion)))
            boxes = {name: one.detect(frame) for name, one in detectors.items()}
            for name, faces in boxes.items():
                found[name].append(len(faces) == 1)
            first = next(iter(boxes.values()))
            if first:
                crops.append(crop_face(frame, first[0].box))
        for name, reader in readers.items():
            read = reader.read(np.stack(crops)).probabilities.argmax(axis=1)
            # A face that was not found was not read as meant either.
            missed = np.zeros(count - len(crops), bool)
            right[name].append(np.concatenate([read == number, missed]))
    return {
        "faces_of_each_emotion": count,
        "found": {name: float(np.mean(hits)) for name, hits in found.items()},
        "read_as_meant": {
            name: {
                "all": float(np.mean(np.concatenate(hits))),
                **{e: float(hit.mean()) for e, hit in zip(EMOTIONS, hits, strict=True)},
            }
            for name, hits in right.items()
        },
    }


def on_grey(face: Faces) -> GreyPicture:
    """Return a frame of 480x640: a face of usual contrast, dark hair around it, on grey."""
    inside = face[oval_mask(SHOWN)]
    even = (face - inside.mean()) * np.clip(USUAL_DEVIATION / inside.std(), *GAINS)
    picture = as_picture(even).astype(np.float32)
    side = picture.shape[0]
    frame = np.full(FRAME_SIZE, GREY, np.float32)
    top, left = (FRAME_SIZE[0] - side) // 2, (FRAME_SIZE[1] - side) // 2
    inner = frame[top : top + side, left : left + side]
    for oval, shown in ((OVAL, np.float32(HAIR)), (SHOWN, picture)):
        share = cv2.resize(oval_mask(oval).astype(np.float32), (side, side))
        inner += cv2.GaussianBlur(share, (0, 0), SOFT) * (shown - inner)
    return np.asarray(frame, np.uint8)


def measure_novelty(
    generator: FaceGenerator, *, training: LaidFaces, ck48: Path, yunet: Path, count: int = 500
) -> dict[str, Any]:
    """Compare distances: drawn to nearest training face, one person's pictures, all pairs.

    Of one person are two CK+ pictures of one subject from different sequences, laid like all
    others. A drawn face is compared with every training face and its mirror image.

    Args:
        generator: Draws the faces: `count` people with each emotion.
        training: What the generator learned from.
        ck48: Folder of the CK+ crops.
        yunet: ONNX file of YuNet.
        count: Faces of each emotion.

    Returns:
        For each of the spaces `pixels` and `gradients`: quantiles of the distances, and the share
        of drawn faces that are nearer to a training face than `SAME_PERSON_QUANTILE` of the
        distances between two pictures of one person.
    """
    drawn = np.stack(
        [
            generator.face(draw_person(seed), pure(emotion))
            for emotion in EMOTIONS
            for seed in range(count)
        ]
    )
    known = np.concatenate([training.pictures, training.pictures[:, :, ::-1]])
    one_person = pictures_of_people(ck48, yunet=yunet)
    chance = np.random.default_rng(0)
    others = training.pictures[chance.permutation(len(training.pictures))[: len(drawn)]]
    report = {}
    for space, describe in (("pixels", by_pixels), ("gradients", by_gradients)):
        nearest = nearest_distances(describe(drawn), describe(known))
        same = same_person_distances(
            describe(one_person.pictures), one_person.subjects, one_person.sequences
        )
        limit = float(np.quantile(same, SAME_PERSON_QUANTILE))
        report[space] = {
            "drawn_to_nearest_training": _quantiles(nearest),
            "one_person": _quantiles(same),
            "limit": limit,
            "share_nearer_than_limit": float((nearest < limit).mean()),
            "training_to_nearest_training": _quantiles(
                nearest_distances(describe(others[:BATCH]), describe(known), skip_itself=True)
            ),
            "mean_pairwise_drawn": mean_pairwise(describe(drawn)),
            "mean_pairwise_training": mean_pairwise(describe(others)),
        }
    return report


class PeopleOfCk:
    """Laid pictures of CK+ with who and which sequence they show.

    Args:
        pictures: Laid faces, float32, shape (n, 64, 64).
        subjects: Shape (n,).
        sequences: Shape (n,).
    """

    def __init__(
        self,
        pictures: Faces,
        *,
        subjects: npt.NDArray[np.str_],
        sequences: npt.NDArray[np.str_],
    ) -> None:
        self.pictures, self.subjects, self.sequences = pictures, subjects, sequences


def pictures_of_people(ck48: Path, *, yunet: Path) -> PeopleOfCk:
    """Read and lay CK+ with its subjects; contempt too, which is also a face of that person."""
    people = load_ck_plus(ck48)
    crops = people.crops
    guesses = np.stack([placement(row) for row in find_landmarks(crops, yunet=yunet)])
    matrices, _ = refine_placements(crops, guesses)
    return PeopleOfCk(
        np.stack([lay(crop, matrix)[0] for crop, matrix in zip(crops, matrices, strict=True)]),
        subjects=people.subjects,
        sequences=people.sequences,
    )


def by_pixels(pictures: Faces) -> Faces:
    """Describe faces by the pixels of their inner oval, standardised: shape (n, pixels), norm 1."""
    inside = pictures[:, oval_mask(INNER)]
    return _standard(inside)


def by_gradients(pictures: Faces) -> Faces:
    """Describe faces by histograms of oriented gradients (Dalal and Triggs, 2005), norm 1."""
    histogram = cv2.HOGDescriptor((SIZE, SIZE), (16, 16), (8, 8), (8, 8), 9)
    grey = np.clip(GREY + 100 * pictures, 0, 255).astype(np.uint8)[:, 4:60, 4:60]
    wide = [cv2.copyMakeBorder(one, 4, 4, 4, 4, cv2.BORDER_REPLICATE) for one in grey]
    return _standard(np.stack([np.ravel(histogram.compute(one)) for one in wide]))


def nearest_distances(some: Faces, others: Faces, *, skip_itself: bool = False) -> Faces:
    """Return the distance of each description to the nearest of others, shape (n,)."""
    found = []
    for start in range(0, len(some), BATCH):
        squared = 2 - 2 * some[start : start + BATCH] @ others.T
        if skip_itself:
            squared[squared < 1e-4] = np.inf  # noqa: PLR2004 - rounding
        found.append(squared.min(axis=1))
    return np.asarray(np.sqrt(np.maximum(np.concatenate(found), 0)), np.float32)


def same_person_distances(
    descriptions: Faces, subjects: npt.NDArray[np.str_], sequences: npt.NDArray[np.str_]
) -> Faces:
    """Return the distances of all pairs of one subject from different sequences."""
    pairs = (subjects[:, np.newaxis] == subjects) & (sequences[:, np.newaxis] != sequences)
    squared = 2 - 2 * descriptions @ descriptions.T
    return np.asarray(np.sqrt(np.maximum(squared[np.triu(pairs)], 0)), np.float32)


def mean_pairwise(descriptions: Faces) -> float:
    """Return the root mean squared distance of all pairs: how varied faces are."""
    n = len(descriptions)
    together = float(np.square(descriptions.sum(axis=0)).sum())
    return float(np.sqrt(max(2 - 2 * (together - n) / (n * (n - 1)), 0)))


def _standard(rows: Faces) -> Faces:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.linalg.norm(centred, axis=1, keepdims=True), np.float32)


def _quantiles(distances: Faces) -> dict[str, float]:
    shares = (0.0, 0.01, 0.05, 0.5)
    return {f"{share:g}": float(np.quantile(distances, share)) for share in shares}
