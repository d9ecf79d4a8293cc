"""Penalties on the gradient of the discriminator's logits with respect to what it sees; one value an example.

All take the gradients of `input_gradients`: a row an example, over all dimensions of all inputs.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.types import Logits

Gradients = Float[Tensor, "batch dimensions"]


def input_gradients(logits: Logits, *inputs: Float[Tensor, "batch ..."]) -> Gradients:
    """Each logit's gradient with respect to its own rows of the inputs; it can be derived again.

    A logit depends on its own rows alone, so no batch normalisation stands between them. Autocast is off meanwhile: it
    would compute the way back in half precision, whatever the way there was.
    """
    with torch.autocast(logits.device.type, enabled=False):
        gradients = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
        return torch.cat([gradient.flatten(1) for gradient in gradients], dim=1)


def zero_centred_penalty(gradients: Gradients) -> Float[Tensor, " batch"]:
    """Half the squared norm, Mescheder et al. 2018 (arXiv:1801.04406, equation 9, without its gamma)."""
    return gradients.square().sum(1) / 2


def unit_norm_penalty(gradients: Gradients, *, one_sided: bool = False) -> Float[Tensor, " batch"]:
    """Squared difference of the norm and 1, Gulrajani et al. 2017 (arXiv:1704.00028, equation 3, without its lambda).

    `one_sided` lets norms below 1 be. A gradient of zero has a penalty of 1, and no direction in which to grow.
    """
    excess = torch.linalg.vector_norm(gradients, dim=1) - 1  # its derivative at zero is zero, not infinite
    return (excess.relu() if one_sided else excess).square()


def power_penalty(gradients: Gradients, *, exponent: float) -> Float[Tensor, " batch"]:
    """The norm to a power of at least 2, Tao et al. 2022 (DF-GAN, arXiv:2008.05865, without its k)."""
    return gradients.square().sum(1).pow(exponent / 2)
