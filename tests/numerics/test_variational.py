import pytest
import torch
from torch.distributions import Normal, kl_divergence

from diptych.losses.variational import gaussian_kl, latent_loss, reconstruction_loss


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
