"""A small residual generator with conditional batch normalisation, for small pictures on small machines.

Conditional batch normalisation (de Vries et al. 2017, arXiv:1707.00683; in generators Miyato & Koyama 2018,
arXiv:1802.05637): latents and sentence determine the gain and shift of every channel in every block. Upsampling is
nearest neighbour before an ordinary convolution, which avoids checkerboard artefacts.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.gan.grids import SMALLEST_GRID, doubled
from diptych.types import Images, TextFeatures

GAIN_STD = 0.02

Planes = Float[Tensor, "batch channels rows columns"]
Condition = Float[Tensor, "batch condition"]


class ResidualGenerator(nn.Module):
    """Latents and a sentence to pixels; `widths` are the channels at 4, 8, 16, ... pixels, the last at full size.

    The sentence first passes a hidden layer of `mapping_dim`. The latents' part of the first layer starts with unit
    gain, so that positions vary with the noise from the beginning.
    """

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int = 0,
        latent_dim: int = 16,
        widths: Sequence[int] = (128, 128, 96, 48),
        mapping_dim: int = 256,
    ) -> None:
        super().__init__()
        _check_size(image_size, widths)
        self.image_size, self.image_channels, self.latent_dim = image_size, image_channels, latent_dim
        self.mapping = _mapping(condition_dim, mapping_dim) if condition_dim else None
        condition = latent_dim + condition_dim
        self.first = nn.Linear(condition, widths[0] * SMALLEST_GRID**2)
        nn.init.normal_(self.first.weight[:, :latent_dim], std=latent_dim**-0.5)
        self.blocks = nn.ModuleList(UpBlock(ins, outs, condition) for ins, outs in pairwise(widths))
        self.to_pixels = nn.Sequential(
            nn.BatchNorm2d(widths[-1]), nn.ReLU(), nn.Conv2d(widths[-1], image_channels, 3, 1, 1), nn.Tanh()
        )

    def forward(self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None = None) -> Images:
        condition = self._condition(latents, text)
        planes = self.first(condition).unflatten(1, (-1, SMALLEST_GRID, SMALLEST_GRID))
        planes = planes.to(memory_format=torch.channels_last)
        for block in self.blocks:
            planes = block(planes, condition)
        return self.to_pixels(planes)

    def _condition(self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None) -> Condition:
        if self.mapping is None:
            return latents
        assert text is not None, "a conditioned generator generates from sentences"
        return torch.cat([latents, self.mapping(text.sentence)], dim=1)


class UpBlock(nn.Module):
    """Doubles the size: two convolutions, each after a conditional normalisation, with a shortcut."""

    def __init__(self, ins: int, outs: int, condition_dim: int) -> None:
        super().__init__()
        self.first_norm, self.first = ConditionalNorm(ins, condition_dim), nn.Conv2d(ins, outs, 3, 1, 1)
        self.second_norm, self.second = ConditionalNorm(outs, condition_dim), nn.Conv2d(outs, outs, 3, 1, 1)
        self.shortcut = nn.Conv2d(ins, outs, 1)

    def forward(
        self, planes: Planes, condition: Condition
    ) -> Float[Tensor, "batch new_channels twice_rows twice_columns"]:
        hidden = self.first(doubled(F.relu(self.first_norm(planes, condition))))
        hidden = self.second(F.relu(self.second_norm(hidden, condition)))
        return hidden + doubled(self.shortcut(planes))


class ConditionalNorm(nn.Module):
    """Batch normalisation whose gain (around 1) and shift (around 0) are linear in the condition."""

    def __init__(self, channels: int, condition_dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.affine = nn.Linear(condition_dim, 2 * channels)
        nn.init.normal_(self.affine.weight, std=GAIN_STD)
        nn.init.zeros_(self.affine.bias)

    def forward(self, planes: Planes, condition: Condition) -> Planes:
        gain, shift = self.affine(condition)[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(shift, self.norm(planes), 1 + gain)


def _mapping(condition_dim: int, hidden_dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(condition_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, condition_dim))


def _check_size(image_size: int, widths: Sequence[int]) -> None:
    generated = SMALLEST_GRID * 2 ** (len(widths) - 1)
    if len(widths) < 2 or image_size != generated:
        raise ValueError(
            f"generator.widths={list(widths)} generates {generated} px and the data has {image_size} px: "
            f"set one width for each of {SMALLEST_GRID}, {2 * SMALLEST_GRID}, ... px up to the picture's size"
        )
