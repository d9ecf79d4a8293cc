"""Numbers as sines and cosines, so that a network tells near ones apart."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

HIGHEST_FREQUENCY = 100.0
"""Radians that the fastest wave turns while a level goes from 0 to 1; faster ones make derivatives by time rough."""


class Waves(nn.Module):
    """Numbers to sines and cosines of `dim` / 2 frequencies, from 1 to HIGHEST_FREQUENCY (Vaswani et al. 2017)."""

    frequencies: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        exponents = torch.linspace(0, math.log(HIGHEST_FREQUENCY), dim // 2)
        self.register_buffer("frequencies", exponents.exp(), persistent=False)

    def forward(self, numbers: Float[Tensor, " batch"]) -> Float[Tensor, "batch dim"]:
        angles = numbers[:, None] * self.frequencies.to(numbers)
        return torch.cat([angles.sin(), angles.cos()], dim=1)


def sinusoids(length: int, dim: int) -> Float[Tensor, "length dim"]:
    """Sines of each position in the first half and cosines in the second, at wavelengths from 2 pi to 20,000 pi."""
    rates = torch.exp(-math.log(10_000) * torch.arange(dim // 2) / (dim // 2))
    angles = torch.arange(length)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
