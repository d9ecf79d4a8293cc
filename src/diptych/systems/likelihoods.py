"""What a decoder's image says of the true one: the likelihood of autoencoders and of a VAE."""

import math
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diptych.losses.likelihoods import bernoulli_nll, gaussian_nll, laplace_nll
from diptych.losses.variational import reconstruction_loss
from diptych.types import Images


class Likelihood(Protocol):
    """Nats that it takes to say an image, one value an image, summed over its values."""

    def __call__(self, predicted: Images, images: Images) -> Float[Tensor, " batch"]: ...


class SquaredError(nn.Module):
    """Squared errors, summed: the nats of a Gaussian of variance 1/2, but for a constant."""

    def forward(self, predicted: Images, images: Images) -> Float[Tensor, " batch"]:
        return reconstruction_loss(predicted, images) * images[0].numel()


class Gaussian(nn.Module):
    """Squared errors over a variance. With `learned`, it is a weight of its own (sigma-VAE, arXiv:2006.13202)."""

    def __init__(self, *, std: float = 0.5, learned: bool = True) -> None:
        super().__init__()
        if std <= 0:
            raise ValueError(f"likelihood.std={std:g}: give a positive standard deviation")
        self.log_std = nn.Parameter(torch.tensor(math.log(std)), requires_grad=learned)

    def forward(self, predicted: Images, images: Images) -> Float[Tensor, " batch"]:
        return gaussian_nll(predicted, images, self.log_std)


class Laplace(nn.Module):
    """Absolute errors, over `scale`."""

    def __init__(self, *, scale: float = 1.0) -> None:
        super().__init__()
        if scale <= 0:
            raise ValueError(f"likelihood.scale={scale:g}: give a positive scale")
        self.scale = scale

    def forward(self, predicted: Images, images: Images) -> Float[Tensor, " batch"]:
        return laplace_nll(predicted, images, self.scale)


class Bernoulli(nn.Module):
    """Binary cross-entropy, for images that are nearly black and white."""

    def forward(self, predicted: Images, images: Images) -> Float[Tensor, " batch"]:
        return bernoulli_nll(predicted, images)
