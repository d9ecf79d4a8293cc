"""Losses of a variational autoencoder: KL divergence, reconstruction (Kingma & Welling 2014, arXiv:1312.6114)."""

from jaxtyping import Float
from torch import Tensor

from diptych.types import Images

Latents = Float[Tensor, "batch latent"]


def gaussian_kl(mean: Latents, log_variance: Latents) -> Float[Tensor, " batch"]:
    """KL divergence of N(mean, exp(log_variance)) from N(0, 1) in nats, summed over the latents (appendix B)."""
    mean, log_variance = mean.float(), log_variance.float()
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)


def reconstruction_loss(generated: Images, images: Images) -> Float[Tensor, " batch"]:
    """Mean squared error of each picture's values, in float32; both are in [-1, 1]."""
    return (generated.float() - images.float()).square().flatten(1).mean(dim=1)


def latent_loss(recovered: Latents, latents: Latents) -> Float[Tensor, " batch"]:
    """Mean squared error of the latents recovered from a generated picture; 1 for the constant guess of zero."""
    return (recovered.float() - latents.float()).square().mean(dim=1)
