import pytest
import torch

from diptych.models.image_encoders import ConvEncoder
from diptych.models.latent_encoders import BackboneLatentEncoder, Posterior
from diptych.types import TextFeatures


@pytest.fixture
def backbone():
    return ConvEncoder(image_size=16, widths=(4, 6), num_halvings=2, pooled_dim=8).eval().requires_grad_(False)


@pytest.fixture
def encoder(backbone):
    encoder = BackboneLatentEncoder(latent_dim=3, image_size=16, condition_dim=5, backbone_dim=6, width=2, hidden_dim=8)
    encoder.set_backbone(backbone)
    return encoder


def features(number):
    return TextFeatures(torch.randn(number, 5), torch.randn(number, 3, 4), torch.ones(number, 3, dtype=torch.bool))


def test_every_parameter_learns_and_the_eye_does_not(encoder, backbone):
    posterior = encoder(torch.randn(4, 3, 16, 16), features(4))
    assert posterior.mean.shape == posterior.log_variance.shape == (4, 3)
    posterior.sample(torch.randn(4, 3)).sum().backward()
    assert not [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert not {id(p) for p in encoder.parameters()} & {id(p) for p in backbone.parameters()}


def test_it_also_reads_pictures_without_sentences(backbone):
    encoder = BackboneLatentEncoder(latent_dim=3, image_size=16, backbone_dim=6)
    encoder.set_backbone(backbone)
    assert encoder(torch.randn(2, 3, 16, 16)).mean.shape == (2, 3)


def test_without_eyes_it_says_where_to_get_some():
    encoder = BackboneLatentEncoder(latent_dim=3, image_size=16, backbone_dim=6)
    with pytest.raises(ValueError, match=r"latent_encoder=backbone .* parts\.captioner\.run"):
        encoder(torch.randn(2, 3, 16, 16))


def test_a_backbone_with_other_grids_is_refused(backbone):
    encoder = BackboneLatentEncoder(latent_dim=3, image_size=16, backbone_dim=7)
    encoder.set_backbone(backbone)
    with pytest.raises(ValueError, match=r"latent_encoder\.backbone_dim=\[7\]: this captioner has \[6\]"):
        encoder(torch.randn(2, 3, 16, 16))


def test_a_sample_is_the_mean_and_the_noise_in_standard_deviations():
    posterior = Posterior(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 4.0]]).log())
    torch.testing.assert_close(posterior.sample(torch.tensor([[0.5, -1.0]])), torch.tensor([[1.5, 0.0]]))
