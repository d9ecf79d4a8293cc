"""Drawing one of several by a uniform number that is given, so that nothing else decides what is drawn."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def drawn_place(
    probabilities: Float[Tensor, "*shape places"], uniform: Float[Tensor, "*shape"]
) -> Int[Tensor, "*shape"]:
    """The place at which the cumulated probability passes the number in [0, 1); never one of probability zero.

    Probabilities need not sum to one.
    """
    bounds = probabilities.double().cumsum(dim=-1)
    total = bounds[..., -1:]
    wanted = torch.minimum(uniform.double().unsqueeze(-1) * total, torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(bounds.contiguous(), wanted.contiguous(), right=True).squeeze(-1)
