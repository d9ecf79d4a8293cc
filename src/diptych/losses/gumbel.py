"""Words that gradients pass through: the Gumbel-softmax and its straight-through form.

Jang et al. 2017 (arXiv:1611.01144) and Maddison et al. 2017 (arXiv:1611.00712): the argmax of log-probabilities plus
Gumbel noise is a sample, and a softmax of the same sum at a temperature is a smooth stand-in for it. At low
temperatures the stand-in is nearly one-hot, and its gradient varies more.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F


def gumbel_noise(uniform: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Standard Gumbel noise from uniform numbers in [0, 1)."""
    least = torch.finfo(uniform.dtype).tiny
    return -(-uniform.clamp(min=least).log()).clamp(min=least).log()


def relaxed_words(
    logits: Float[Tensor, "*shape words"], noise: Float[Tensor, "*shape words"], temperature: float
) -> Float[Tensor, "*shape words"]:
    """The smooth stand-in for the sample that this noise draws; not negative, with sum one.

    Logits may be minus infinity: such a word is never drawn.
    """
    return ((logits.log_softmax(dim=-1) + noise) / temperature).softmax(dim=-1)


def straight_through(
    relaxed: Float[Tensor, "*shape words"], tokens: Int[Tensor, "*shape"]
) -> Float[Tensor, "*shape words"]:
    """One-hot vectors of the tokens, with the gradient of `relaxed` (Bengio et al. 2013, arXiv:1308.3432)."""
    return F.one_hot(tokens, relaxed.shape[-1]) + (relaxed - relaxed.detach())
