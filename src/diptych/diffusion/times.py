"""At which times a network learns: distributions over a process's time, as functions of uniform numbers.

Given as quantile functions, times can be drawn in strata (one a slice of a batch, Kingma et al. 2021, arXiv:2107.00630)
and laid out evenly for a validation that compares.
"""

from abc import ABC, abstractmethod
from math import inf
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diptych.diffusion.processes import Process

Shares = Float[Tensor, " *batch"]
LEAST = 1e-5
"""Shares are so far from 0 and 1, where quantiles may be infinite."""


class TimeDistribution(ABC):
    """Times by their quantiles. `time_is` is what a process's time must be (`Process.time_is`)."""

    time_is: str = "share"

    @abstractmethod
    def quantile(self, shares: Shares, process: Process) -> Shares:
        """The times below which such shares of all times lie; shares are above 0 and below 1."""


class Uniform(TimeDistribution):
    """All times of the process alike."""

    def quantile(self, shares: Shares, process: Process) -> Shares:
        return process.first + (process.last - process.first) * shares


class LogitNormal(TimeDistribution):
    """The logistic function of a normal variable (Esser et al. 2024, arXiv:2403.03206), for times from 0 to 1.

    A positive `mean` lays weight on strong noise, where objects are placed.
    """

    def __init__(self, *, mean: float = 0.0, std: float = 1.0) -> None:
        if std <= 0:
            raise ValueError(f"times.std={std:g}: give a positive standard deviation")
        self.mean, self.std = mean, std

    def quantile(self, shares: Shares, process: Process) -> Shares:
        times = torch.sigmoid(self.mean + self.std * torch.special.ndtri(shares))
        return process.first + (process.last - process.first) * times


class LogitNormalPairs(LogitNormal):
    """Where a step begins, and where it ends: below, by the same distribution; for `equal_share` of the images there.

    (The article sorts two draws, arXiv:2505.13447. Here a step begins where the distribution says, so that beginnings
    are drawn in strata like all times.) With `max_guidance_scale` above 1 half of the steps are guided, too, as
    strongly as is drawn: 1 - 1 / scale is uniform, so that weak guidance is drawn more often.
    """

    unguided_share: ClassVar[float] = 0.5

    def __init__(
        self, *, mean: float = 0.0, std: float = 1.0, equal_share: float = 0.5, max_guidance_scale: float = 1.0
    ) -> None:
        super().__init__(mean=mean, std=std)
        if not 0 <= equal_share < 1:
            raise ValueError(f"times.equal_share={equal_share:g} is a share of images: give 0 to below 1")
        if not 1 <= max_guidance_scale < inf:
            raise ValueError(f"times.max_guidance_scale={max_guidance_scale:g}: give 1 (no guidance) or more")
        if max_guidance_scale > 1 and not equal_share:
            raise ValueError(
                "times.equal_share=0: guidance moves away from the flow without a sentence, which is learned where "
                "both times are one: give more than 0, or set times.max_guidance_scale=1"
            )
        self.equal_share, self.max_guidance_scale = equal_share, max_guidance_scale

    @property
    def guides(self) -> bool:
        """Whether steps are guided."""
        return self.max_guidance_scale > 1

    @property
    def num_more(self) -> int:
        """How many uniform numbers an image needs besides its share of the times."""
        return 2 + self.guides

    def pairs(
        self, shares: Float[Tensor, " batch"], more: Float[Tensor, "batch more"], process: Process
    ) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"], Bool[Tensor, " batch"]]:
        """Where a step begins, where it ends, and whether both are one; from three uniform numbers an image."""
        begins, below = self.quantile(shares, process), self.quantile((shares * more[:, 0]).clamp_min(LEAST), process)
        equal = more[:, 1] < self.equal_share
        return begins, torch.where(equal, begins, below), equal

    @property
    def guessing_share(self) -> float:
        """Of the images, those whose step has no length and no guidance: the network guesses the clean image."""
        return self.equal_share * (self.unguided_share if self.guides else 1.0)

    def is_unguided(self, more: Float[Tensor, "batch more"]) -> Bool[Tensor, " batch"]:
        """Whether an image's step is drawn without guidance."""
        return more[:, 2] < self.unguided_share if self.guides else torch.ones_like(more[:, 0], dtype=torch.bool)

    def guidance(self, more: Float[Tensor, "batch more"]) -> Float[Tensor, " batch"]:
        """1 - 1 / scale of each image's guidance, 0 without, from a further uniform number."""
        if not self.guides:
            return torch.zeros_like(more[:, 0])
        above = (more[:, 2] - self.unguided_share).clamp_min(0) / (1 - self.unguided_share)
        return above * (1 - 1 / self.max_guidance_scale)


class LogNormal(TimeDistribution):
    """exp of a normal variable (EDM, Karras et al. 2022, arXiv:2206.00364), for a process whose time is sigma."""

    time_is = "sigma"

    def __init__(self, *, mean: float = -1.2, std: float = 1.2) -> None:
        if std <= 0:
            raise ValueError(f"times.std={std:g}: give a positive standard deviation")
        self.mean, self.std = mean, std

    def quantile(self, shares: Shares, process: Process) -> Shares:
        times = torch.exp(self.mean + self.std * torch.special.ndtri(shares))
        return times.clamp(process.first, process.last)


def stratified(number: int, rng: torch.Generator) -> Float[Tensor, " number"]:
    """A uniform number of each of `number` equal slices of (0, 1), in random order."""
    slices, places = torch.randperm(number, generator=rng), torch.rand(number, generator=rng)
    return ((slices + places) / number).clamp(LEAST, 1 - LEAST)
