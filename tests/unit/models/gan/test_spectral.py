"""Spectral normalisation of a whole network."""

from pathlib import Path

import pytest
import torch
from torch import nn

from diptych.models.gan.biggan.discriminator import BigGANDiscriminator
from diptych.models.gan.dcgan import DCGANDiscriminator
from diptych.models.gan.deep_fusion import DFGANDiscriminator
from diptych.models.gan.mlp import MLPDiscriminator
from diptych.models.gan.mlp_bn import DropoutDiscriminator
from diptych.models.gan.projected import ProjectedDiscriminator
from diptych.models.gan.projection import ProjectionDiscriminator
from diptych.models.gan.r3gan import R3GANDiscriminator
from diptych.models.gan.spectral import is_normalized_spectrally, normalize_spectrally
from diptych.models.gan.stagewise import AttnGANDiscriminator
from diptych.models.gan.stylegan2.discriminator import StyleGAN2Discriminator
from diptych.models.gan.wgan_gp import WGANGPCritic
from diptych.types import TextFeatures

CONF = Path(__file__).resolve().parents[4] / "conf"


def _weights(network: nn.Sequential) -> list[torch.Tensor]:
    """After fifty passes, each with one power iteration."""
    for _ in range(50):
        weights = [layer.weight for layer in network]
    return weights


def test_every_layer_has_a_largest_singular_value_of_one():
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(8, 5), nn.Embedding(6, 4), nn.ConvTranspose2d(4, 4, 4))
    normalize_spectrally(network)
    matrices = [weight.transpose(0, 1) if i == 3 else weight for i, weight in enumerate(_weights(network))]
    for matrix in matrices:
        assert torch.linalg.matrix_norm(matrix.flatten(1), ord=2).item() == pytest.approx(1, abs=1e-3)


def test_a_layer_that_is_normalised_stays_as_it_is():
    network = nn.Linear(4, 3)
    normalize_spectrally(network)
    keys = set(network.state_dict())
    normalize_spectrally(network)
    assert set(network.state_dict()) == keys


def test_layers_without_a_matrix_are_left_alone():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU())
    normalize_spectrally(network)
    assert set(network.state_dict()) == set(nn.Sequential(nn.BatchNorm2d(3)).state_dict())


DISCRIMINATORS = {
    "mlp": (MLPDiscriminator, {"hidden_dims": (8, 8)}),
    "conv_dropout": (DropoutDiscriminator, {"widths": (4, 4)}),
    "dcgan": (DCGANDiscriminator, {"width": 4}),
    "projected": (ProjectedDiscriminator, {"backbone_dims": (4, 4, 4), "width": 4, "joint_dim": 4}),
    "projection": (ProjectionDiscriminator, {"widths": (4, 4, 4)}),
    "wgan_gp": (WGANGPCritic, {"width": 4}),
    "biggan": (BigGANDiscriminator, {"widths": (4, 4, 4, 4)}),
    "stylegan2": (StyleGAN2Discriminator, {"widths": (4, 4, 4, 4)}),
    "attngan": (AttnGANDiscriminator, {"width": 4, "num_stages": 2}),
    "dfgan": (DFGANDiscriminator, {"width": 4}),
    "r3gan": (R3GANDiscriminator, {"channel_base": 64, "channel_max": 16, "group_width": 4}),
}
NORMALIZED_BY_DEFAULT = {"projection", "biggan"}


def test_every_discriminator_of_conf_is_here():
    assert {file.stem for file in (CONF / "discriminator").glob("*.yaml")} == set(DISCRIMINATORS)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_every_discriminator_can_be_normalised(name):
    kind, sizes = DISCRIMINATORS[name]
    built = lambda **wanted: kind(image_size=32, image_channels=3, condition_dim=6, **sizes, **wanted)  # noqa: E731
    assert is_normalized_spectrally(built(spectral_norm=True))
    assert not is_normalized_spectrally(built(spectral_norm=False))
    assert is_normalized_spectrally(built()) == (name in NORMALIZED_BY_DEFAULT)


@pytest.mark.parametrize("name", sorted(DISCRIMINATORS.keys() - {"projected"}))  # which needs its backbone
def test_a_normalised_discriminator_scores_and_learns(name):
    kind, sizes = DISCRIMINATORS[name]
    network = kind(image_size=32, image_channels=3, condition_dim=6, spectral_norm=True, **sizes)
    words = torch.randn(2, 3, 6)
    text = TextFeatures(torch.randn(2, 6), words, torch.ones(2, 3, dtype=torch.bool))
    logits = network(torch.rand(2, 3, 32, 32) * 2 - 1, text)
    logits.sum().backward()
    assert logits.isfinite().all()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in network.parameters())


def test_weights_of_zero_are_refused_by_name():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    nn.init.zeros_(network[1].weight)
    with pytest.raises(ValueError, match="the weights of 1 begin at zero"):
        normalize_spectrally(network)


def test_a_network_counts_as_normalised_when_all_that_learns_is():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3).requires_grad_(False))
    assert not is_normalized_spectrally(network)
    normalize_spectrally(network[0])
    assert is_normalized_spectrally(network)
    assert not is_normalized_spectrally(nn.Sequential(nn.ReLU()))
