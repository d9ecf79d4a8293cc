import pytest
import torch

from diptych.models.image_encoders import ConvEncoder
from diptych.models.latent_encoders import PerceptualLatentEncoder, Posterior
from diptych.types import TextFeatures


@pytest.fixture
def eye():
    return ConvEncoder(image_size=16, widths=(4, 6), num_halvings=2, pooled_dim=8).eval().requires_grad_(False)


@pytest.fixture
def encoder(eye):
    encoder = PerceptualLatentEncoder(latent_dim=3, image_size=16, condition_dim=5, eye_dim=6, width=2, hidden_dim=8)
    encoder.see_with(eye)
    return encoder


def features(number):
    return TextFeatures(torch.randn(number, 5), torch.randn(number, 3, 4), torch.ones(number, 3, dtype=torch.bool))


def test_every_parameter_learns_and_the_eye_does_not(encoder, eye):
    posterior = encoder(torch.randn(4, 3, 16, 16), features(4))
    assert posterior.mean.shape == posterior.log_variance.shape == (4, 3)
    posterior.sample(torch.randn(4, 3)).sum().backward()
    assert not [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert not {id(p) for p in encoder.parameters()} & {id(p) for p in eye.parameters()}


def test_it_also_reads_pictures_without_sentences(eye):
    encoder = PerceptualLatentEncoder(latent_dim=3, image_size=16, eye_dim=6)
    encoder.see_with(eye)
    assert encoder(torch.randn(2, 3, 16, 16)).mean.shape == (2, 3)


def test_without_eyes_it_says_where_to_get_some():
    encoder = PerceptualLatentEncoder(latent_dim=3, image_size=16, eye_dim=6)
    with pytest.raises(ValueError, match=r"latent_encoder=perceptual .* parts\.teller\.run"):
        encoder(torch.randn(2, 3, 16, 16))


def test_eyes_that_see_other_grids_are_refused(eye):
    encoder = PerceptualLatentEncoder(latent_dim=3, image_size=16, eye_dim=7)
    encoder.see_with(eye)
    with pytest.raises(ValueError, match=r"latent_encoder\.eye_dim=\[7\]: this captioner sees \[6\]"):
        encoder(torch.randn(2, 3, 16, 16))


def test_a_sample_is_the_mean_and_the_noise_in_standard_deviations():
    posterior = Posterior(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 4.0]]).log())
    torch.testing.assert_close(posterior.sample(torch.tensor([[0.5, -1.0]])), torch.tensor([[1.5, 0.0]]))
