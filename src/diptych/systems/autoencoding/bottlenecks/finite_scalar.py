"""Finite scalar quantisation (Mentzer et al. 2024, arXiv:2309.15505): every number of a place is rounded.

A place's numbers are bounded and each is rounded to one of its `levels`; all combinations are codes. There is no
codebook to learn and no loss to weigh. Gradients pass the rounding as if it were not there.
"""

from collections.abc import Sequence
from math import prod
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diptych.systems.autoencoding.bottlenecks.base import Bottleneck, Features, Latents, Noise, Squeezed
from diptych.systems.autoencoding.bottlenecks.usage import CodeUsage

LEAST_LEVELS = 3
"""With two, a new network says one of them everywhere, and hardly learns."""
MARGIN = 1e-3
"""How far within its outermost levels a number stays (of the article's code)."""


class FiniteScalarBottleneck(Bottleneck):
    """As many latents a place as there are `levels`; latents are in [-1, 1]."""

    publishes: ClassVar[dict[str, str]] = Bottleneck.publishes | {"num_codes": "num_codes"}
    levels: Tensor
    places: Tensor

    def __init__(self, *, feature_channels: int = 128, levels: Sequence[int] = (8, 5, 5, 5)) -> None:
        super().__init__()
        if not levels or min(levels) < LEAST_LEVELS:
            raise ValueError(f"bottleneck.levels={list(levels)}: give {LEAST_LEVELS} levels or more for each latent")
        self.latent_channels, self.num_codes = len(levels), prod(levels)
        self.project = nn.Conv2d(feature_channels, len(levels), 1)
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        bases = [prod(levels[:i]) for i in range(len(levels))]
        self.register_buffer("places", torch.tensor(bases), persistent=False)
        self.usage = CodeUsage(self.num_codes)

    def forward(self, features: Features, noise: Noise) -> Squeezed:
        latents = self.encode(features)
        self.usage.observe(self.indices(latents))
        return Squeezed(latents)

    def encode(self, features: Features) -> Latents:
        bounded = self._bounded(self.project(features))
        rounded = bounded + (bounded.round() - bounded).detach()
        return rounded / self._halves(rounded)

    def indices(self, latents: Latents) -> Int[Tensor, "batch rows columns"]:
        """The number of each place's code."""
        digits = (latents * self._halves(latents)).round().long() + self._column(self.levels // 2)
        return (digits * self._column(self.places)).sum(dim=1)

    def latents(self, indices: Int[Tensor, "batch rows columns"]) -> Latents:
        """The code of each number."""
        digits = indices[:, None] // self._column(self.places) % self._column(self.levels)
        half = self._column(self.levels // 2)
        return (digits - half).float() / half

    def after_step(self, rng: torch.Generator) -> dict[str, Tensor]:
        return self.usage.figures()

    def _bounded(self, numbers: Float[Tensor, "batch latents rows columns"]) -> Latents:
        """Between the outermost levels; an even number of levels lies half a step off zero."""
        half = (self._column(self.levels) - 1) * (1 + MARGIN) / 2
        offset = torch.where(self._column(self.levels) % 2 == 0, 0.5, 0.0)
        shift = (offset / half).atanh()
        return (numbers + shift).tanh() * half - offset

    def _halves(self, like: Tensor) -> Tensor:
        return self._column(self.levels // 2).to(like)

    def _column(self, values: Tensor) -> Tensor:
        return values[:, None, None]
