"""Networks that make faces of no one: a generator, and a discriminator that judges it."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import nn
from torch.nn import functional

from moodcue.taxonomy import EMOTIONS
from moodcue_fer.training.generator.data import SIZE
from moodcue_fer.training.generator.space import PERSON, FaceSpace

LEAK: Final = 0.2
CONTRAST: Final = 2.0
DETAIL: Final = 7.0
"""By how much the discriminator enlarges a picture and its fine detail."""


@dataclass(frozen=True, kw_only=True)
class GeneratorShape:
    """How large the refining part of the generator is.

    Attributes:
        style: Numbers that steer its layers.
        widths: Channels at 32, 16 and 8 pixels on the way down.
        up: Channels at 16 and 32 pixels on the way up.
    """

    style: int = 64
    widths: tuple[int, int, int] = (40, 80, 104)
    up: tuple[int, int] = (64, 40)


class StyledConvolution(nn.Module):
    """A 3x3 convolution whose channels the style scales and shifts (Perez et al., 2018)."""

    def __init__(self, inputs: int, outputs: int, *, style: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.scale = nn.Linear(style, outputs)
        self.shift = nn.Linear(style, outputs)
        for layer in (self.scale, self.shift):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, features: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """Return features, shape (faces, outputs, height, width)."""
        made = self.convolution(features)
        # Not by None twice: OpenCV's reader of ONNX knows no such step.
        scale = self.scale(style).view(-1, made.shape[1], 1, 1)
        shift = self.shift(style).view(-1, made.shape[1], 1, 1)
        made = made * (1 + scale) + shift
        return functional.leaky_relu(made, LEAK)


class Generator(nn.Module):
    """Who and which emotion in, a laid face out.

    A linear model draws a blurred face, a small convolutional network with shortcuts makes it a
    sharp one. Both are trained; the linear one begins as the statistics of the faces.

    Args:
        shape: How large it is.
    """

    def __init__(self, shape: GeneratorShape | None = None) -> None:
        super().__init__()
        shape = shape or GeneratorShape()
        first, second, third = shape.widths
        near, fine = shape.up
        self.place = nn.Linear((PERSON + 1) * len(EMOTIONS), PERSON, bias=False)
        self.blurred = nn.Linear(PERSON, SIZE * SIZE)
        self.register_buffer("scale", torch.ones(PERSON))
        self.scale: torch.Tensor
        self.style = nn.Sequential(
            nn.Linear(PERSON + len(EMOTIONS), shape.style), nn.LeakyReLU(LEAK)
        )
        self.look = nn.Conv2d(4, first, 3, padding=1)
        self.down_one = nn.Conv2d(first, second, 3, stride=2, padding=1)
        self.keep_one = nn.Conv2d(second, second, 3, padding=1)
        self.down_two = nn.Conv2d(second, third, 3, stride=2, padding=1)
        self.middle = StyledConvolution(third, third, style=shape.style)
        self.middle_two = StyledConvolution(third, third, style=shape.style)
        self.up_one = StyledConvolution(third + second, near, style=shape.style)
        self.near = StyledConvolution(near, near, style=shape.style)
        self.up_two = StyledConvolution(near + first, fine, style=shape.style)
        self.fine = StyledConvolution(fine, fine, style=shape.style)
        self.change = nn.Conv2d(fine, 4, 3, padding=1)
        keep_size(self)
        nn.init.zeros_(self.change.weight)

    @torch.no_grad()
    def begin_as(self, space: FaceSpace) -> None:
        """Let the linear part be the statistics of the faces."""
        whole = torch.from_numpy(space.maps).permute(1, 2, 0)
        centres = torch.from_numpy(space.centres).T[:, None, :]
        self.place.weight.copy_(torch.cat([whole, centres], dim=1).reshape(PERSON, -1))
        self.blurred.weight.copy_(torch.from_numpy(space.basis))
        self.blurred.bias.copy_(torch.from_numpy(space.mean))
        self.scale.copy_(torch.from_numpy(space.scale))

    def forward(self, person: torch.Tensor, emotion: torch.Tensor) -> torch.Tensor:
        """Return laid faces, shape (faces, 1, 64, 64), in the units of `LaidFaces`.

        Args:
            person: Who, shape (faces, 72), standard normal.
            emotion: Shares of the seven, shape (faces, 7), sum 1.
        """
        return self.refine(self.place_of(person, emotion), emotion)[0]

    def place_of(self, person: torch.Tensor, emotion: torch.Tensor) -> torch.Tensor:
        """Return the place of a face in the linear model, shape (faces, 72)."""
        known = torch.cat([person, torch.ones_like(person[:, :1])], dim=1)
        products = known.view(-1, PERSON + 1, 1) * emotion.view(-1, 1, len(EMOTIONS))
        place: torch.Tensor = self.place(products.flatten(1))
        return place

    def refine(
        self, place: torch.Tensor, emotion: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return faces and, before they are made sharp, blurred ones, shape (faces, 1, 64, 64).

        Args:
            place: In the linear model, shape (faces, 72).
            emotion: Shares of the seven, shape (faces, 7).
        """
        blurred = self.blurred(place).view(-1, 1, SIZE, SIZE)
        style = self.style(torch.cat([place / self.scale, 2 * emotion], dim=1))
        large = _bent(self.look(functional.pixel_unshuffle(blurred, 2)))
        medium = _bent(self.keep_one(_bent(self.down_one(large))))
        small = _bent(self.down_two(medium))
        small = self.middle_two(self.middle(small, style), style)
        medium = self.up_one(torch.cat([_doubled(small), medium], dim=1), style)
        medium = self.near(medium, style)
        large = self.up_two(torch.cat([_doubled(medium), large], dim=1), style)
        large = self.fine(large, style)
        return blurred + functional.pixel_shuffle(self.change(large), 2), blurred


class Discriminator(nn.Module):
    """Says how real a laid face of an emotion is, by projection (Miyato and Koyama, 2018)."""

    WIDTHS: Final = (48, 96, 160, 192)

    def __init__(self) -> None:
        super().__init__()
        first, second, third, width = self.WIDTHS
        layers = [
            nn.Conv2d(12, first, 3, padding=1),
            nn.Conv2d(first, second, 4, stride=2, padding=1),
            nn.Conv2d(second, second, 3, padding=1),
            nn.Conv2d(second, third, 4, stride=2, padding=1),
            nn.Conv2d(third, width, 4, stride=2, padding=1),
        ]
        self.layers = nn.ModuleList(layers)
        self.local = nn.Conv2d(second, 1, 1)
        self.mixing = nn.Conv2d(width + 1, width, 3, padding=1)
        self.real = nn.Linear(width, 1)
        self.emotion = nn.Linear(len(EMOTIONS), width, bias=False)
        keep_size(self)

    def forward(
        self, pictures: torch.Tensor, masks: torch.Tensor, emotion: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
        """Judge faces.

        Args:
            pictures: Laid faces, shape (faces, 1, 64, 64).
            masks: 1 where a picture shows something; the rest is not looked at; same shape.
            emotion: Shares of the seven, shape (faces, 7); zeros: whichever emotion.

        Returns:
            Scores of the whole faces, shape (faces,), and of their parts, shape (faces, 16, 16),
            higher for real ones; the features of every layer.
        """
        # Beside the picture its fine detail, enlarged: what is blurred is seen at once.
        smooth = functional.avg_pool2d(pictures, 5, stride=1, padding=2, count_include_pad=False)
        seen = [CONTRAST * pictures * masks, DETAIL * (pictures - smooth) * masks, masks]
        features = functional.pixel_unshuffle(torch.cat(seen, dim=1), 2)
        made = []
        for layer in self.layers:
            features = _bent(layer(features))
            made.append(features)
        # Faces that are all alike give themselves away by how little they differ.
        spread = features.float().std(dim=0).mean().expand(len(features), 1, *features.shape[2:])
        mixed = _bent(self.mixing(torch.cat([features, spread.to(features.dtype)], dim=1)))
        pooled = mixed.float().mean(dim=(2, 3))
        likeness = (self.emotion(emotion).float() * pooled).sum(dim=1)
        parts = self.local(made[2]).float().squeeze(1)
        return self.real(pooled).float().squeeze(1) + likeness, parts, made


def keep_size(network: nn.Module) -> None:
    """Begin all convolutions so that features keep their size (He et al., 2015).

    torch's own beginning shrinks them, and what five layers have shrunk is learned slowly.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.kaiming_normal_(layer.weight, a=LEAK)
            nn.init.zeros_(layer.bias)


def _bent(features: torch.Tensor) -> torch.Tensor:
    return functional.leaky_relu(features, LEAK)


def _doubled(features: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(features, scale_factor=2, mode="nearest")
