"""Read figures from a device as Python numbers in one transfer, since each transfer waits for the device."""

from collections.abc import Iterable

import torch
from torch import Tensor


def as_numbers(scalars: Iterable[Tensor]) -> list[float]:
    """The values in order, from any devices."""
    values = [scalar.detach().float() for scalar in scalars]
    return torch.stack([value.to(values[0].device) for value in values]).tolist() if values else []


def numbers(figures: dict[str, Tensor], prefix: str = "") -> dict[str, float]:
    """The values of the figures whose names begin with `prefix`."""
    chosen = {name: value for name, value in figures.items() if name.startswith(prefix)}
    return dict(zip(chosen, as_numbers(chosen.values()), strict=True))
