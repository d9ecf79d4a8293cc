"""Spectral normalisation of a whole network."""

import pytest
import torch
from torch import nn

from diptych.models.gan.spectral import normalize_spectrally


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
