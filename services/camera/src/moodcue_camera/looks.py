"""What people look like around the face: tones and hair, chosen by a seed."""

from dataclasses import dataclass

import numpy as np

_SKIN = ((180, 202, 238), (150, 180, 226), (116, 148, 204), (84, 112, 166))
"""Tones of skin in the light, BGR."""

_HAIR = ((26, 28, 32), (34, 46, 62), (70, 72, 76), (48, 72, 100), (82, 116, 146))
"""Colours of hair, BGR: black, brown, grey, light brown, blond; the lighter the skin, the more of
them there are to choose from."""

_CLOTHES = ((104, 74, 52), (60, 52, 122), (74, 98, 62), (96, 96, 100), (44, 40, 40), (130, 120, 88))


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What a person looks like around the face.

    Attributes:
        skin: Tone of the skin in the light, BGR.
        hair: Colour, BGR.
        clothes: Colour, BGR.
        hair_length: 0 for hair that ends at the ears, 1 for hair on the shoulders.
        hair_volume: 0..1.
        fringe: How far the hair falls into the forehead, 0..1.
    """

    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    clothes: tuple[int, int, int]
    hair_length: float
    hair_volume: float
    fringe: float


def draw_looks(seed: int) -> Looks:
    """Return the looks that a seed stands for."""
    chance = np.random.default_rng([seed, 1])
    tone = int(chance.integers(len(_SKIN)))
    return Looks(
        skin=_SKIN[tone],
        hair=_HAIR[chance.integers(len(_HAIR) - tone)],
        clothes=_CLOTHES[chance.integers(len(_CLOTHES))],
        hair_length=float(chance.uniform() ** 1.5),
        hair_volume=float(chance.uniform()),
        fringe=float(chance.uniform()),
    )
