"""Spectral normalisation of a whole network."""

import pytest
import torch
from torch import nn

from diptych.models.gan.dcgan import DCGANDiscriminator
from diptych.models.gan.mlp import MLPDiscriminator
from diptych.models.gan.mlp_bn import DropoutDiscriminator
from diptych.models.gan.projected import ProjectedDiscriminator
from diptych.models.gan.projection import ProjectionDiscriminator
from diptych.models.gan.spectral import is_normalized_spectrally, normalize_spectrally


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
}


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_every_discriminator_can_be_normalised(name):
    kind, sizes = DISCRIMINATORS[name]
    built = lambda **wanted: kind(image_size=32, image_channels=3, condition_dim=6, **sizes, **wanted)  # noqa: E731
    assert is_normalized_spectrally(built(spectral_norm=True))
    assert not is_normalized_spectrally(built(spectral_norm=False))
    assert is_normalized_spectrally(built()) == (name == "projection")


def test_a_network_counts_as_normalised_when_all_that_learns_is():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3).requires_grad_(False))
    assert not is_normalized_spectrally(network)
    normalize_spectrally(network[0])
    assert is_normalized_spectrally(network)
    assert not is_normalized_spectrally(nn.Sequential(nn.ReLU()))
