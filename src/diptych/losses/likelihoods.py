"""How unlikely an image is under what a decoder says of it, in nats, summed over its values (all in [-1, 1])."""

import math

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from diptych.types import Images

SMALLEST_PROBABILITY = 1e-6


def gaussian_nll(predicted: Images, images: Images, log_std: Float[Tensor, ""]) -> Float[Tensor, " batch"]:
    """Of a normal distribution around each predicted value, all with one standard deviation."""
    errors = (predicted.float() - images.float()) * (-log_std).exp()
    return (0.5 * errors.square() + log_std + 0.5 * math.log(2 * math.pi)).flatten(1).sum(dim=1)


def laplace_nll(predicted: Images, images: Images, scale: float) -> Float[Tensor, " batch"]:
    """Of a Laplace distribution around each predicted value: absolute errors."""
    errors = (predicted.float() - images.float()).abs() / scale
    return (errors + math.log(2 * scale)).flatten(1).sum(dim=1)


def bernoulli_nll(predicted: Images, images: Images) -> Float[Tensor, " batch"]:
    """Binary cross-entropy of values taken as probabilities, (value + 1) / 2."""
    probability = ((predicted.float() + 1) / 2).clamp(SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    target = (images.float() + 1) / 2
    return F.binary_cross_entropy(probability, target, reduction="none").flatten(1).sum(dim=1)
