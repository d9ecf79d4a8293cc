import pytest
import torch
from torch.distributions import Normal, kl_divergence

from diptych.losses.variational import (
    gaussian_kl,
    gaussian_kl_between,
    gaussian_kl_by_latent,
    latent_loss,
    log_importance_weights,
    log_importance_weights_between,
    reconstruction_loss,
)


def test_the_divergence_is_torchs_own():
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    expected = kl_divergence(posterior, Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(gaussian_kl(mean, log_variance), expected)


def test_the_divergence_of_the_prior_is_zero():
    assert gaussian_kl(torch.zeros(2, 3), torch.zeros(2, 3)).tolist() == [0, 0]


def test_errors_are_means_of_squares_per_picture():
    images = torch.zeros(2, 3, 4, 4)
    generated = torch.stack([torch.full((3, 4, 4), 0.5), torch.full((3, 4, 4), -1.0)])
    assert reconstruction_loss(generated, images).tolist() == [0.25, 1.0]
    assert latent_loss(torch.tensor([[1.0, 3.0]]), torch.zeros(1, 2)).tolist() == [5.0]


def test_a_constant_guess_of_latents_has_loss_one():
    assert latent_loss(torch.zeros(4000, 2), torch.randn(4000, 2)).mean().item() == pytest.approx(1, abs=0.05)


def test_the_divergence_between_gaussians_is_torchs_own_and_zero_of_itself():
    mean, log_variance, prior_mean, prior_log_variance = torch.randn(4, 5, 3)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    expected = kl_divergence(posterior, Normal(prior_mean, (0.5 * prior_log_variance).exp()))
    between = gaussian_kl_between(mean, log_variance, prior_mean, prior_log_variance)
    torch.testing.assert_close(between, expected)
    assert gaussian_kl_between(mean, log_variance, mean, log_variance).abs().max() == 0
    standard = gaussian_kl_between(mean, log_variance, torch.zeros(5, 3), torch.zeros(5, 3))
    torch.testing.assert_close(standard, gaussian_kl_by_latent(mean, log_variance))


def test_importance_weights_of_any_prior_are_those_of_the_standard_one_where_it_is_standard():
    nll, noise = torch.rand(5), torch.randn(5, 3)
    mean, log_variance = torch.randn(2, 5, 3)
    latents, zeros = mean + noise * (0.5 * log_variance).exp(), torch.zeros(5, 3)
    weights = log_importance_weights_between(nll, (mean, log_variance), (zeros, zeros), latents)
    torch.testing.assert_close(weights, log_importance_weights(nll, mean, log_variance, latents))
    assert log_importance_weights_between(nll, (mean, log_variance), (mean, log_variance), latents).allclose(-nll)
