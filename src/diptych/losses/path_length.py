"""Path lengths of a generator (StyleGAN2, Karras et al. 2020, arXiv:1912.04958, section 3.2)."""

from math import sqrt

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.types import Images

LEAST = 1e-12
"""Below this squared length there is no derivative, which a root would make infinite."""


def path_lengths(
    images: Images, styles: Float[Tensor, "batch layers style"], directions: Images
) -> Float[Tensor, " batch"]:
    """How far an image moves with its styles: the norm of J^T y, for a random direction y of the image.

    `directions` are standard normal; they are scaled here by one over the root of the number of places, as the norm of
    J^T y would otherwise grow with the image's size. The squared norm is a mean over layers. It can be derived again.
    """
    scaled = directions / sqrt(images.shape[2] * images.shape[3])
    (gradients,) = torch.autograd.grad((images * scaled).sum(), styles, create_graph=True)
    return gradients.square().sum(2).mean(1).clamp(min=LEAST).sqrt()
