"""How many latents a VAE uses: those whose means differ between images (Burda et al. 2016, arXiv:1509.00519)."""

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.systems.devices import gather_in_order

ACTIVE_VARIANCE = 0.01
"""A latent is active whose posterior mean varies by more than this over the data."""


class LatentActivity:
    """Collects posterior means over a validation; counts active latents, over all devices."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._means: list[Tensor] = []

    def update(self, means: Float[Tensor, "batch latent"]) -> None:
        """Take in a batch."""
        self._means.append(means.float().cpu())

    def compute(self) -> int:
        """How many latents are active."""
        means = torch.stack(gather_in_order(torch.cat(self._means)))
        return int((means.var(dim=0, correction=0) > ACTIVE_VARIANCE).sum())
