"""DF-GAN: one stage in which every block is told the sentence again (Tao et al. 2022, arXiv:2008.05865).

Latents become a 4x4 grid, which blocks double until it has the image's size. In each block every channel passes two
affine transformations with a nonlinearity after each, whose gains and shifts are functions of latents and sentence: a
deeper fusion than one conditional normalisation, and there is no normalisation at all. The discriminator repeats the
sentence over its last 4x4 grid and gives one logit for image and sentence together ("one-way output").

At 256x256x3 with width 32, 100 latents and sentences of 256 numbers these are the networks of the authors' code
(9,744,131 and 6,717,766 parameters; the code's discriminator has 197,376 more in three shortcuts that it never uses).
Unlike there, sentence vectors are standardised in the generator: they are learned along here, and have no scale of
their own. Affine transformations and 1x1 convolutions come before the doubling and after the halving, which changes
nothing but the time that they take.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.gan.grids import SMALLEST_GRID, doubled, joined_in_every_cell, num_doublings
from diptych.models.gan.spectral import normalize_spectrally
from diptych.types import Images, Logits, TextFeatures

SLOPE = 0.2
"""Of the leaky rectifiers."""
MOST_WIDTHS = 8
"""The coarse grids have so many times `width` channels."""

Planes = Float[Tensor, "batch channels rows columns"]
NewPlanes = Float[Tensor, "batch new_channels new_rows new_columns"]
Condition = Float[Tensor, "batch condition"]


class DFGANGenerator(nn.Module):
    """Latents and a sentence to pixels; `width` is the channels at full size."""

    needs = ("text",)

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int,
        latent_dim: int = 100,
        width: int = 32,
    ) -> None:
        super().__init__()
        widths = widths_of(image_size, width)[::-1]
        self.image_size, self.image_channels, self.latent_dim = image_size, image_channels, latent_dim
        self.first = nn.Linear(latent_dim, widths[0] * SMALLEST_GRID**2)
        self.blocks = nn.ModuleList(UpBlock(ins, outs, latent_dim + condition_dim) for ins, outs in pairwise(widths))
        self.to_pixels = nn.Conv2d(widths[-1], image_channels, 3, 1, 1)

    def forward(self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None = None) -> Images:
        assert text is not None, "DF-GAN generates from sentences"
        condition = torch.cat([latents, F.layer_norm(text.sentence, text.sentence.shape[1:])], dim=1)
        planes = self.first(latents).unflatten(1, (-1, SMALLEST_GRID, SMALLEST_GRID))
        planes = planes.to(memory_format=torch.channels_last)
        for block in self.blocks:
            planes = block(planes, condition)
        return self.to_pixels(F.leaky_relu(planes, SLOPE)).tanh()


class UpBlock(nn.Module):
    """Doubles the size: a fusion before each of two convolutions, with a shortcut around them."""

    def __init__(self, ins: int, outs: int, condition_dim: int) -> None:
        super().__init__()
        self.first_fusion, self.first = DeepFusion(ins, condition_dim), nn.Conv2d(ins, outs, 3, 1, 1)
        self.second_fusion, self.second = DeepFusion(outs, condition_dim), nn.Conv2d(outs, outs, 3, 1, 1)
        self.shortcut = _shortcut(ins, outs)

    def forward(self, planes: Planes, condition: Condition) -> NewPlanes:
        hidden = self.first(doubled(self.first_fusion(planes, condition)))
        return self.second(self.second_fusion(hidden, condition)) + doubled(self.shortcut(planes))


class DeepFusion(nn.Module):
    """The article's DFBlock: two affine transformations told by the condition, a leaky rectifier after each."""

    def __init__(self, channels: int, condition_dim: int) -> None:
        super().__init__()
        self.first, self.second = Affine(channels, condition_dim), Affine(channels, condition_dim)

    def forward(self, planes: Planes, condition: Condition) -> Planes:
        hidden = F.leaky_relu(self.first(planes, condition), SLOPE)
        return F.leaky_relu(self.second(hidden, condition), SLOPE)


class Affine(nn.Module):
    """Each channel's gain and shift, by a hidden layer each from the condition; they start at 1 and 0."""

    def __init__(self, channels: int, condition_dim: int) -> None:
        super().__init__()
        self.gain, self.shift = _mapping(condition_dim, channels, 1.0), _mapping(condition_dim, channels, 0.0)

    def forward(self, planes: Planes, condition: Condition) -> Planes:
        gain, shift = self.gain(condition)[:, :, None, None], self.shift(condition)[:, :, None, None]
        return torch.addcmul(shift, gain, planes)


class DFGANDiscriminator(nn.Module):
    """Pixels and a sentence to one logit; `width` is the channels at full size.

    `encode` and `score` share the work between several sentences for one image.
    """

    needs = ("text",)

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int,
        width: int = 32,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        widths = widths_of(image_size, width)
        self.from_pixels = nn.Conv2d(image_channels, widths[0], 3, 1, 1)
        self.blocks = nn.Sequential(*(DownBlock(ins, outs) for ins, outs in pairwise(widths)))
        self.mix = nn.Conv2d(widths[-1] + condition_dim, 2 * width, 3, 1, 1, bias=False)
        self.head = nn.Conv2d(2 * width, 1, SMALLEST_GRID, 1, 0, bias=False)
        if spectral_norm:
            normalize_spectrally(self)

    def forward(self, images: Images, text: TextFeatures | None = None) -> Logits:
        return self.score(self.encode(images), text)

    def encode(self, images: Images) -> Float[Tensor, "batch features 4 4"]:
        """The image's features on the smallest grid."""
        return self.blocks(self.from_pixels(images))

    def score(self, features: Float[Tensor, "batch features 4 4"], text: TextFeatures | None = None) -> Logits:
        """The logit that the image is real and that the sentence is true of it, both at once."""
        assert text is not None, "DF-GAN's discriminator scores pairs"
        hidden = self.mix(joined_in_every_cell(features, text.sentence))
        return self.head(F.leaky_relu(hidden, SLOPE)).flatten()


class DownBlock(nn.Module):
    """Halves the size: a shortcut, and two convolutions whose learned gain starts at zero."""

    def __init__(self, ins: int, outs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(ins, outs, 4, 2, 1, bias=False)
        self.second = nn.Conv2d(outs, outs, 3, 1, 1, bias=False)
        self.shortcut = _shortcut(ins, outs)
        self.gain = nn.Parameter(torch.zeros(1))

    def forward(self, planes: Planes) -> NewPlanes:
        hidden = F.leaky_relu(self.second(F.leaky_relu(self.first(planes), SLOPE)), SLOPE)
        return self.shortcut(F.avg_pool2d(planes, 2)) + self.gain * hidden


def widths_of(image_size: int, width: int) -> list[int]:
    """The channels from full size to the 4x4 grid: doubled at each halving, up to eight times `width`."""
    num_halvings = num_doublings(image_size, "DF-GAN")
    return [width * min(2**level, MOST_WIDTHS) for level in range(num_halvings + 1)]


def _mapping(condition_dim: int, channels: int, start: float) -> nn.Sequential:
    """A hidden layer of as many units as there are channels; it gives `start` whatever the condition, at first."""
    last = nn.Linear(channels, channels)
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, start)
    return nn.Sequential(nn.Linear(condition_dim, channels), nn.ReLU(), last)


def _shortcut(ins: int, outs: int) -> nn.Module:
    return nn.Conv2d(ins, outs, 1) if ins != outs else nn.Identity()
