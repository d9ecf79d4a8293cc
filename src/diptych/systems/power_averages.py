"""Averages of weights whose length is chosen after training (EDM2, Karras et al. 2024, arXiv:2312.02696, section 3)."""

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from diptych.systems.ema import follow


class PowerAverages(nn.Module):
    """Copies of a network, each the average of its past weighted by a power of time.

    A length is the standard deviation of that weight relative to the time trained: 0.05 is a short memory, 0.10 twice
    as long. Between the lengths that are kept, any other one is a mixture of them (`of_length`). Buffers are those of
    now. Averages begin after `start_images`, when the network starts to learn. They are never in training mode.
    """

    def __init__(self, network: nn.Module, lengths: Sequence[float], *, start_images: int = 0) -> None:
        super().__init__()
        check_lengths(lengths)
        self.lengths, self.start_images = tuple(lengths), start_images
        self.powers = [power_of(length) for length in lengths]
        self.copies = nn.ModuleList(copy.deepcopy(network).requires_grad_(False) for _ in lengths)
        self.train(False)

    @property
    def network(self) -> nn.Module:
        """The average of the first length."""
        return self.copies[0]

    def train(self, mode: bool = True) -> Self:
        return super().train(False)

    def update(self, network: nn.Module, *, images: int, images_seen: int) -> None:
        """Follow `network` by the weight of the `images` that it learned from since the last update."""
        learned = max(0, images_seen - self.start_images)
        for power, average in zip(self.powers, self.copies, strict=True):
            kept = (1 - images / learned) ** (power + 1) if learned > images else 0.0
            follow(average, network, 1 - kept)

    @torch.no_grad()
    def of_length(self, length: float) -> nn.Module:
        """The average of this length; `ValueError` for one outside of those that are kept."""
        check_length(length, self.lengths)
        if length in self.lengths:
            return self.copies[self.lengths.index(length)]
        mixture: Any = copy.deepcopy(self.copies[0])
        shares = mixture_of(self.powers, power_of(length))
        for mean, *parts in zip(mixture.parameters(), *(kept.parameters() for kept in self.copies), strict=True):
            if mean is not parts[0]:
                mean.copy_(torch.stack([share * part for share, part in zip(shares, parts, strict=True)]).sum(0))
        return mixture


def check_lengths(lengths: Sequence[float]) -> None:
    """Refuse lengths that no averages could have side by side."""
    for length in lengths:
        power_of(length)
    if len(set(lengths)) < len(lengths):
        raise ValueError(f"system.average_lengths={list(lengths)}: give each length once")


def check_length(length: float, kept: Sequence[float]) -> None:
    """Refuse a length outside of those that are kept."""
    low, high = min(kept), max(kept)
    if not low <= length <= high:
        raise ValueError(
            f"ema={length:g}: this run keeps averages of length {low:g} to {high:g}; take one between, or 0 for the "
            "weights of now"
        )


def power_of(length: float) -> float:
    """The power of time whose average has this relative length (arXiv:2312.02696, equation 124)."""
    if not 0 < length < 0.28:
        raise ValueError(f"system.average_lengths: {length:g} is no length of an average; give one between 0 and 0.28")
    roots = np.roots([1, 7, 16 - length**-2, 12 - length**-2])
    return float(roots.real.max())


def mixture_of(powers: Sequence[float], wanted: float) -> list[float]:
    """How much of each average comes closest to that of the wanted power: least squares of the weights over time.

    The shares add up to 1.
    """
    overlap = lambda a, b: (a + 1) * (b + 1) / (a + b + 1)  # noqa: E731
    gram = np.array([[overlap(a, b) for b in powers] for a in powers])
    shares = np.linalg.solve(gram, np.array([overlap(a, wanted) for a in powers]))
    return (shares / shares.sum()).tolist()
