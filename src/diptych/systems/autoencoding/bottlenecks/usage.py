"""How many of the codes are used: a figure of every step, over all devices."""

import torch
from jaxtyping import Int
from torch import Tensor, nn

from diptych.systems.devices import sum_over_devices

KEPT = 0.99
"""What a step leaves of the average of earlier ones."""
RARE = 0.01
"""Codes with less than this share of an even use are counted as unused."""


class CodeUsage(nn.Module):
    """Counts codes between `figures`, and averages how often each is used."""

    counts: Tensor
    average: Tensor

    def __init__(self, num_codes: int) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(num_codes), persistent=False)
        self.register_buffer("average", torch.zeros(num_codes))

    def observe(self, indices: Int[Tensor, "batch rows columns"]) -> None:
        """Count these codes."""
        self.counts += torch.bincount(indices.flatten(), minlength=len(self.counts)).to(self.counts)

    @torch.no_grad()
    def figures(self) -> dict[str, Tensor]:
        """Perplexity of the codes since the last time, and the share of codes in use on average; then count anew.

        A perplexity of n is that of n codes, all used alike.
        """
        counts = sum_over_devices(self.counts)
        shares = counts / counts.sum().clamp_min(1)
        self.average.lerp_(shares, 1 - KEPT if bool(self.average.any()) else 1.0)
        self.counts.zero_()
        entropy = -(shares * shares.clamp_min(1e-12).log()).sum()
        used = (self.average > RARE / len(self.average)).float().mean()
        return {"code_perplexity": entropy.exp(), "codes_used": used}
