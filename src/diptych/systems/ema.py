"""Exponential moving average of a network's weights, with a half-life in images."""

import copy
from typing import Any, Self

import torch
from torch import nn

WARMUP_RATIO = 0.05


class WeightAverage(nn.Module):
    """A copy of `network` whose parameters follow the original's slowly and whose buffers are always the original's.

    After `half_life_images` images the weights of now count half. At the start the half-life is 5 % of the images
    seen so far, so that the random initial weights are soon forgotten (StyleGAN2, arXiv:1912.04958). Buffers are
    copied because the average of running statistics and of spectral normalisation's vectors is neither's. The copy
    is never in training mode and never learns.
    """

    def __init__(self, network: nn.Module, *, half_life_images: float) -> None:
        super().__init__()
        self.half_life_images = half_life_images
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.train(False)

    def forward(self, *args: Any) -> Any:
        return self.network(*args)

    def train(self, mode: bool = True) -> Self:
        return super().train(False)

    def update(self, network: nn.Module, *, images: int, images_seen: int) -> None:
        """Move towards `network` by the weight of the `images` that it learned from since the last update."""
        follow(self.network, network, 1 - decay(images, images_seen, self.half_life_images))


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, weight: float) -> None:
    """Move parameters by this share of the way to the network's, and copy its buffers."""
    for mean, current in zip(average.parameters(), network.parameters(), strict=True):
        if mean is not current:  # a frozen network may be shared by its copies
            mean.lerp_(current, weight)
    for mean, current in zip(average.buffers(), network.buffers(), strict=True):
        if mean is not current:
            mean.copy_(current)


def decay(images: int, images_seen: int, half_life_images: float) -> float:
    """What remains of the old average: a half per half-life."""
    half_life = min(half_life_images, WARMUP_RATIO * images_seen)
    return 0.5 ** (images / half_life) if half_life > 0 else 0.0
