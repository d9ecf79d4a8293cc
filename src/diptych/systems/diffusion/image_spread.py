"""How far images lie from mid-grey: what a denoiser divides them by.

Measured once, on the first images of validation (without one, of training), which are the same for every batch size and
number of devices.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.systems.devices import mean_over_devices, num_devices
from diptych.types import Images

MEASURED = 512
"""Images that are looked at, over all devices."""


def spread_of(trainer: Any, encode: Callable[[Images], Tensor]) -> Float[Tensor, ""]:
    """The root of the mean square of all numbers that `encode` makes of images; `ValueError` where all are 0."""
    seen: list[Tensor] = []
    for batch in trainer.val_dataloaders or trainer.train_dataloader:
        seen.append(encode(batch.images).float().square().mean((1, 2, 3)))
        if sum(map(len, seen)) * num_devices() >= MEASURED:
            break
    squares = torch.cat(seen)[: -(-MEASURED // num_devices())]
    spread = mean_over_devices(squares.mean()).sqrt()
    if not spread:
        raise ValueError("the first images are mid-grey alone: there is nothing to diffuse")
    return spread
