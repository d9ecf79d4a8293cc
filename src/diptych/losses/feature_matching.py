"""Mean features of generated images should be those of real ones (Salimans et al. 2016, arXiv:1606.03498)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def feature_matching_loss(
    fake_means: Sequence[Float[Tensor, "..."]], real_means: Sequence[Float[Tensor, "..."]]
) -> Float[Tensor, ""]:
    """Mean squared difference of the mean features of each layer, summed over layers.

    The article sums over a layer's features; the mean lets one weight serve layers of all sizes.
    """
    differences = [(fake - real).square().mean() for fake, real in zip(fake_means, real_means, strict=True)]
    return torch.stack(differences).sum()
