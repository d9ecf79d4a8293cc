"""How images are noised: at time t an image x and noise e are mixed to alpha(t) x + sigma(t) e.

Time runs from 0, where the image is clean, to `last`, where next to nothing is left of it. All processes are told apart
by alpha and sigma alone; predictions and solvers use nothing else.
"""

import math
from abc import ABC, abstractmethod
from typing import NamedTuple, Self

import torch
from jaxtyping import Float
from torch import Tensor

Times = Float[Tensor, " *batch"]


class Level(NamedTuple):
    """alpha and sigma at some times, and their derivatives by time."""

    alpha: Tensor
    sigma: Tensor
    alpha_slope: Tensor
    sigma_slope: Tensor

    def over(self, images: Tensor) -> Self:
        """The same values, one an image, in a shape that multiplies images."""
        return type(self)(*(value.reshape(-1, *[1] * (images.ndim - 1)) for value in self))

    def noisy(self, images: Tensor, noise: Tensor) -> Tensor:
        """The mixture of images and noise."""
        return self.alpha * images + self.sigma * noise

    @property
    def noise_share(self) -> Tensor:
        """Sigma / (alpha + sigma), from 0 (clean) to 1 (noise alone); comparable between processes."""
        return self.sigma / (self.alpha + self.sigma)


class Process(ABC):
    """alpha, sigma, the range of time, and the times at which a sampler stops.

    `first` and `last` bound the times that training draws. `time_is` says what a time is: a "share" of the way from
    image to noise, or "sigma". `is_straight` says that velocities of an image and its noise do not change on the way.
    """

    first: float
    last: float
    time_is: str = "share"
    is_straight: bool = False

    @abstractmethod
    def at(self, times: Times) -> Level:
        """Alpha and sigma at these times, in their shape."""

    @abstractmethod
    def signal(self, times: Times) -> Times:
        """What a network is told of the time: a number of the order of 1."""

    def grid(self, steps: int) -> Float[Tensor, " stops"]:
        """The `steps` + 1 times from `last` down to 0 between which a sampler steps, in float64."""
        return torch.linspace(self.last, 0, steps + 1, dtype=torch.float64)


class RectifiedFlow(Process):
    """The straight line from image to noise (Liu et al. 2022, arXiv:2209.03003): alpha = 1 - t, sigma = t.

    `shift` above 1 lets a sampler stop more often where noise is strong (Esser et al. 2024, arXiv:2403.03206).
    """

    first, last = 0.0, 1.0
    is_straight = True

    def __init__(self, *, shift: float = 1.0) -> None:
        if shift <= 0:
            raise ValueError(f"process.shift={shift:g}: give a positive number; 1 spaces times evenly")
        self.shift = shift

    def at(self, times: Times) -> Level:
        one = torch.ones_like(times)
        return Level(1 - times, times, -one, one)

    def signal(self, times: Times) -> Times:
        return times

    def grid(self, steps: int) -> Float[Tensor, " stops"]:
        even = super().grid(steps)
        return self.shift * even / (1 + (self.shift - 1) * even)


class VariancePreserving(Process, ABC):
    """alpha^2 + sigma^2 = 1 (Ho et al. 2020, arXiv:2006.11239), in continuous time from 0 to 1."""

    first, last = 1e-3, 1.0

    @abstractmethod
    def alpha(self, times: Times) -> tuple[Tensor, Tensor]:
        """Alpha and its derivative."""

    def at(self, times: Times) -> Level:
        alpha, alpha_slope = self.alpha(times)
        sigma = (1 - alpha.square()).clamp_min(0).sqrt()
        return Level(alpha, sigma, alpha_slope, -alpha * alpha_slope / sigma)

    def signal(self, times: Times) -> Times:
        return times


class LinearBeta(VariancePreserving):
    """DDPM's linear noise rates, as their limit of many steps (Song et al. 2021, arXiv:2011.13456, appendix B)."""

    def __init__(self, *, beta_min: float = 0.1, beta_max: float = 20.0) -> None:
        if not 0 < beta_min <= beta_max:
            raise ValueError(f"process.beta_min={beta_min:g} and beta_max={beta_max:g}: rates are positive and rise")
        self.beta_min, self.beta_max = beta_min, beta_max

    def alpha(self, times: Times) -> tuple[Tensor, Tensor]:
        rise = self.beta_max - self.beta_min
        alpha = torch.exp(-0.25 * rise * times.square() - 0.5 * self.beta_min * times)
        return alpha, -0.5 * (self.beta_min + rise * times) * alpha


class CosineAlpha(VariancePreserving):
    """alpha falls like a cosine (Nichol & Dhariwal 2021, arXiv:2102.09672); `offset` keeps its start from being flat.

    Training and sampling begin at t = 0.998, where alpha is 0.3 %.
    """

    last = 0.998

    def __init__(self, *, offset: float = 0.008) -> None:
        if offset < 0:
            raise ValueError(f"process.offset={offset:g}: give 0 or more")
        self.offset = offset

    def alpha(self, times: Times) -> tuple[Tensor, Tensor]:
        rate = math.pi / 2 / (1 + self.offset)
        angle, start = rate * (times + self.offset), math.cos(rate * self.offset)
        return torch.cos(angle) / start, -rate * torch.sin(angle) / start


class VarianceExploding(Process):
    """Images stay and noise grows (EDM, Karras et al. 2022, arXiv:2206.00364): alpha = 1, and time is sigma itself.

    A sampler stops at times whose `rho`-th roots are evenly spaced, then at 0.
    """

    time_is = "sigma"

    def __init__(self, *, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0) -> None:
        if not 0 < sigma_min < sigma_max:
            raise ValueError(f"process.sigma_min={sigma_min:g} and sigma_max={sigma_max:g}: give 0 < min < max")
        if rho <= 0:
            raise ValueError(f"process.rho={rho:g}: give a positive number")
        self.first, self.last, self.rho = sigma_min, sigma_max, rho

    def at(self, times: Times) -> Level:
        one = torch.ones_like(times)
        return Level(one, times, torch.zeros_like(times), one)

    def signal(self, times: Times) -> Times:
        return times.log() / 4

    def grid(self, steps: int) -> Float[Tensor, " stops"]:
        ends = (sigma ** (1 / self.rho) for sigma in (self.last, self.first))
        roots = torch.linspace(*ends, steps, dtype=torch.float64)  # pyright: ignore[reportArgumentType, reportCallIssue]
        return torch.cat([roots**self.rho, torch.zeros(1, dtype=torch.float64)])
