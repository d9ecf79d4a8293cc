"""Classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598), where noise is within an interval."""

from torch import Tensor

from diptych.diffusion.processes import Level


def guided(conditional: Tensor, other: Tensor, scale: float) -> Tensor:
    """Away from the other guess of the image: scale 1 is the conditional guess, 0 the other one."""
    return other + scale * (conditional - other)


def is_within(level: Level, interval: tuple[float, float]) -> bool:
    """Whether guidance counts: the share of noise is within (Kynkäänniemi et al. 2024, arXiv:2404.07724)."""
    low, high = interval
    return low <= float(level.noise_share) <= high
