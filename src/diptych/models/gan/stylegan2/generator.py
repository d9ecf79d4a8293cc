"""StyleGAN2's generator (Karras et al. 2020, arXiv:1912.04958, configuration F), conditioned on sentences.

A mapping turns latents and sentence into a style; a learned constant grows from 4 pixels to the image's size, and each
convolution has its style and its noise. Each size adds its own part to the pixels (skip connections). Pixels have no
bound in training; in evaluation they are cut to [-1, 1].
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diptych.models.gan.grids import SMALLEST_GRID, widths_by_grid
from diptych.models.gan.stylegan2.equalized import leaky
from diptych.models.gan.stylegan2.filters import Filter
from diptych.models.gan.stylegan2.mapping import Mapping, MeanStyle
from diptych.models.gan.stylegan2.modulation import ModulatedConv2d
from diptych.models.gan.stylegan2.noise import normal, seeds_of, uniform
from diptych.types import Images, TextFeatures

NOISE, SECOND_LATENTS, CROSSOVER = 0, 1, 8  # streams of an image's random numbers

Latents = Float[Tensor, "batch latent"]
Styles = Float[Tensor, "batch layers style"]
Noise = Sequence[Tensor]
"""A map for each convolution, of (batch or 1, 1, rows, columns)."""
Planes = Float[Tensor, "batch channels rows columns"]
NewPlanes = Float[Tensor, "batch outs new_rows new_columns"]


class StyleGAN2Generator(nn.Module):
    """Latents and a sentence to pixels; `widths` are the channels at 4, 8, 16, ... pixels, as many as the image needs.

    In training, an image takes a part of its styles from second latents with `mixing_prob` (style mixing, Karras et al.
    2019, arXiv:1812.04948): from a layer on that is drawn for it. Its noise, second latents and layer are functions of
    its latents (`noise.py`).
    """

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int = 0,
        latent_dim: int = 64,
        style_dim: int = 128,
        mapping_layers: int = 2,
        widths: Sequence[int] = (128, 96, 48, 24, 12),
        mixing_prob: float = 0.9,
    ) -> None:
        super().__init__()
        if not 0 <= mixing_prob <= 1:
            raise ValueError(f"generator.mixing_prob={mixing_prob} is a probability: give a number from 0 to 1")
        channels = widths_by_grid(image_size, widths, setting="generator.widths")
        self.image_size, self.image_channels, self.latent_dim = image_size, image_channels, latent_dim
        self.mixing_prob, self.num_styles = mixing_prob, 2 * len(channels)
        self.mapping = Mapping(latent_dim, condition_dim, style_dim, mapping_layers)
        self.tracked = MeanStyle(style_dim)
        self.constant = nn.Parameter(torch.randn(1, channels[SMALLEST_GRID], SMALLEST_GRID, SMALLEST_GRID))
        self.first = StyledConv(channels[SMALLEST_GRID], channels[SMALLEST_GRID], style_dim)
        self.first_to_pixels = ToPixels(channels[SMALLEST_GRID], image_channels, style_dim)
        self.blocks = nn.ModuleList(
            UpBlock(ins, outs, image_channels, style_dim) for ins, outs in pairwise(channels.values())
        )
        self.grids = [SMALLEST_GRID, *(grid for grid in channels if grid > SMALLEST_GRID for _ in range(2))]

    def forward(self, latents: Latents, text: TextFeatures | None = None) -> Images:
        styles = self.styles(latents, text)
        self.tracked(styles[:, 0])
        if self.training and self.mixing_prob:
            styles = self._mixed(styles, latents, text)
        return self.from_styles(styles, self.noise(latents))

    def styles(self, latents: Latents, text: TextFeatures | None = None) -> Styles:
        """The style of each layer, coarse ones first; here they are all the same.

        An image has `num_styles` of them: one for each convolution and one for the last pixels.
        """
        return self.mapping(latents, text)[:, None].expand(-1, self.num_styles, -1)

    def from_styles(self, styles: Styles, noise: Noise | None = None) -> Images:
        """Images of these styles; without `noise`, with that of latents that are all zero."""
        if noise is None:
            noise = self.noise(styles.new_zeros(1, self.latent_dim))
        style, maps = styles.unbind(1), iter(noise)
        planes = self.constant.expand(len(styles), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        planes = self.first(planes, style[0], next(maps))
        pixels = self.first_to_pixels(planes, style[1])
        for i, block in enumerate(self.blocks):
            planes, pixels = block(planes, pixels, style[2 * i + 1 : 2 * i + 4], (next(maps), next(maps)))
        return pixels if self.training else pixels.clamp(-1, 1)

    def noise(self, latents: Latents) -> Noise:
        """The noise of each convolution, by the latents."""
        values = normal(seeds_of(latents), sum(grid**2 for grid in self.grids), stream=NOISE).to(latents.dtype)
        maps = values.split([grid**2 for grid in self.grids], dim=1)
        return [part.unflatten(1, (1, grid, grid)) for part, grid in zip(maps, self.grids, strict=True)]

    @property
    def mean_style(self) -> Float[Tensor, " style"]:
        """The mean of the styles of training; styles moved towards it give safer images."""
        return self.tracked.value

    def _mixed(self, styles: Styles, latents: Latents, text: TextFeatures | None) -> Styles:
        """Styles that are from a layer on those of second latents, for a share of the images."""
        seeds = seeds_of(latents)
        second = self.styles(normal(seeds, self.latent_dim, stream=SECOND_LATENTS).to(latents.dtype), text)
        draws = uniform(seeds, 2, stream=CROSSOVER)
        first_mixed = 1 + (draws[:, 0] * (self.num_styles - 1)).long()
        is_mixed = draws[:, 1] < self.mixing_prob
        layers = torch.arange(self.num_styles, device=styles.device)
        of_second = (layers >= first_mixed[:, None]) & is_mixed[:, None]
        return torch.where(of_second[:, :, None], second, styles)


class UpBlock(nn.Module):
    """Doubles planes and pixels: two convolutions, and what their planes add to the pixels."""

    def __init__(self, ins: int, outs: int, image_channels: int, style_dim: int) -> None:
        super().__init__()
        self.first = StyledConv(ins, outs, style_dim, doubles=True)
        self.second = StyledConv(outs, outs, style_dim)
        self.to_pixels, self.filter = ToPixels(outs, image_channels, style_dim), Filter()

    def forward(
        self,
        planes: Planes,
        pixels: Float[Tensor, "batch image_channels rows columns"],
        styles: Sequence[Tensor],
        noise: Noise,
    ) -> tuple[NewPlanes, Float[Tensor, "batch image_channels new_rows new_columns"]]:
        planes = self.first(planes, styles[0], noise[0])
        planes = self.second(planes, styles[1], noise[1])
        return planes, self.filter.doubled(pixels) + self.to_pixels(planes, styles[2])


class StyledConv(nn.Module):
    """A modulated convolution, noise of a learned strength (at first none), a bias and a leaky ReLU."""

    def __init__(self, ins: int, outs: int, style_dim: int, *, doubles: bool = False) -> None:
        super().__init__()
        self.convolution = ModulatedConv2d(ins, outs, 3, style_dim, doubles=doubles)
        self.strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outs, 1, 1))

    def forward(
        self, planes: Planes, style: Float[Tensor, "batch style"], noise: Float[Tensor, "some 1 new_rows new_columns"]
    ) -> NewPlanes:
        return leaky(self.convolution(planes, style) + self.strength * noise + self.bias)


class ToPixels(nn.Module):
    """A modulated 1x1 convolution to pixels, not demodulated."""

    def __init__(self, ins: int, image_channels: int, style_dim: int) -> None:
        super().__init__()
        self.convolution = ModulatedConv2d(ins, image_channels, 1, style_dim, demodulates=False)
        self.bias = nn.Parameter(torch.zeros(image_channels, 1, 1))

    def forward(
        self, planes: Planes, style: Float[Tensor, "batch style"]
    ) -> Float[Tensor, "batch image_channels rows columns"]:
        return self.convolution(planes, style) + self.bias
