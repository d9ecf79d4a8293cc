"""The perceptual loss: what a frozen network sees in two images should be alike."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def perceptual_loss(
    fake_grids: Sequence[Float[Tensor, "batch ..."]],
    real_grids: Sequence[Float[Tensor, "batch ..."]],
) -> Float[Tensor, " batch"]:
    """Feature reconstruction loss, Johnson et al. 2016 (arXiv:1603.08155, equation 2), summed over layers.

    A layer's is the mean over channels and places of the squared difference, one value an image.
    """
    pairs = zip(fake_grids, real_grids, strict=True)
    return torch.stack([(fake - real).square().flatten(1).mean(1) for fake, real in pairs]).sum(0)
