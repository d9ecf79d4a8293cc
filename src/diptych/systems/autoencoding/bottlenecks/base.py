"""Bottlenecks: features to latents, and what is learned besides."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

Features = Float[Tensor, "batch features rows columns"]
Noise = Float[Tensor, "batch noise rows columns"]
Latents = Float[Tensor, "batch latent_channels rows columns"]
Losses = Mapping[str, Float[Tensor, " batch"]]


class Squeezed(NamedTuple):
    """What a bottleneck makes of features in training: latents, and what it learns from itself, one value an image.

    `nats` are what it costs to say the latents, which the system divides as it does those of pixels; `losses` stay as
    they are.
    """

    latents: Latents
    nats: Losses = MappingProxyType({})
    losses: Losses = MappingProxyType({})


class Bottleneck(nn.Module):
    """Base of all bottlenecks; `latent_channels` is what the decoder sees.

    `noise_channels` is how many standard normal numbers a place is drawn for in training. `weights` are those of its
    nats and losses.
    """

    publishes: ClassVar[dict[str, str]] = {"latent_channels": "latent_channels"}
    latent_channels: int
    noise_channels: int = 0

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each loss, by name."""
        return {}

    def forward(self, features: Features, noise: Noise) -> Squeezed:
        """Latents as the decoder learns from them."""
        raise NotImplementedError

    def encode(self, features: Features) -> Latents:
        """Latents without chance."""
        raise NotImplementedError

    @property
    def awaits_a_start(self) -> bool:
        """Whether it has to see the features of a whole batch before the first step."""
        return False

    def begin(self, features: Features, rng: torch.Generator) -> None:
        """Start from these features, of this device's share of a batch."""

    def after_step(self, rng: torch.Generator) -> Mapping[str, Tensor]:
        """Learn, without gradients, from all that it saw in the step; figures to log."""
        return {}
