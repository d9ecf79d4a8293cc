"""Losses of a variational autoencoder: KL divergence, reconstruction (Kingma & Welling 2014, arXiv:1312.6114)."""

import math

from jaxtyping import Float
from torch import Tensor

from diptych.types import Images

Latents = Float[Tensor, "batch latent"]


def gaussian_kl(mean: Latents, log_variance: Latents) -> Float[Tensor, " batch"]:
    """KL divergence of N(mean, exp(log_variance)) from N(0, 1) in nats, summed over the latents (appendix B)."""
    return gaussian_kl_by_latent(mean, log_variance).sum(dim=1)


def gaussian_kl_by_latent(mean: Latents, log_variance: Latents) -> Float[Tensor, "batch latent"]:
    """KL divergence of N(mean, exp(log_variance)) from N(0, 1) in nats, of each latent."""
    mean, log_variance = mean.float(), log_variance.float()
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def gaussian_kl_between(
    mean: Latents, log_variance: Latents, prior_mean: Latents, prior_log_variance: Latents
) -> Float[Tensor, "batch latent"]:
    """KL divergence of N(mean, exp(log_variance)) from the prior's Gaussian in nats, of each latent."""
    mean, log_variance, prior_mean, prior_log_variance = (
        part.float() for part in (mean, log_variance, prior_mean, prior_log_variance)
    )
    ratio, distance = log_variance - prior_log_variance, (mean - prior_mean).square()
    return 0.5 * (distance * (-prior_log_variance).exp() + ratio.exp() - 1 - ratio)


def reconstruction_loss(generated: Images, images: Images) -> Float[Tensor, " batch"]:
    """Mean squared error of each picture's values, in float32; both are in [-1, 1]."""
    return (generated.float() - images.float()).square().flatten(1).mean(dim=1)


def latent_loss(recovered: Latents, latents: Latents) -> Float[Tensor, " batch"]:
    """Mean squared error of the latents recovered from a generated picture; 1 for the constant guess of zero."""
    return (recovered.float() - latents.float()).square().mean(dim=1)


def flow_loss(velocity: Latents, latents: Latents, noise: Latents) -> Float[Tensor, " batch"]:
    """Mean squared error of the velocity from latents to noise (flow matching, Liu et al. 2022, arXiv:2209.03003)."""
    return (velocity.float() - (noise - latents).float()).square().mean(dim=1)


def log_importance_weights(
    nll: Float[Tensor, " batch"], mean: Latents, log_variance: Latents, latents: Latents
) -> Float[Tensor, " batch"]:
    """Log p(x|z) p(z) / q(z|x) of latents drawn from q = N(mean, exp(log_variance)); `nll` is -log p(x|z)."""
    mean, log_variance, latents = mean.float(), log_variance.float(), latents.float()
    noise = (latents - mean) * (-0.5 * log_variance).exp()
    return 0.5 * (noise.square() + log_variance - latents.square()).sum(dim=1) - nll


def log_importance_weights_between(
    nll: Float[Tensor, " batch"],
    posterior: tuple[Latents, Latents],
    prior: tuple[Latents, Latents],
    latents: Latents,
) -> Float[Tensor, " batch"]:
    """As `log_importance_weights`, with a prior that is any Gaussian; both are (mean, log_variance)."""
    return gaussian_log_density(latents, *prior) - gaussian_log_density(latents, *posterior) - nll


def gaussian_log_density(latents: Latents, mean: Latents, log_variance: Latents) -> Float[Tensor, " batch"]:
    """Log-density of latents under N(mean, exp(log_variance)), summed over them."""
    latents, mean, log_variance = latents.float(), mean.float(), log_variance.float()
    squared = (latents - mean).square() * (-log_variance).exp()
    return -0.5 * (squared + log_variance + math.log(2 * math.pi)).sum(dim=1)


def importance_bound(log_weights: Float[Tensor, "samples batch"]) -> Float[Tensor, " batch"]:
    """A bound on log p(x) from several samples (Burda et al. 2016, arXiv:1509.00519); of one it is the ELBO."""
    return log_weights.logsumexp(dim=0) - math.log(len(log_weights))
