"""Orthogonal initialisation (Saxe et al. 2014, arXiv:1312.6120), as BigGAN begins."""

from torch import nn


def initialize_orthogonally(network: nn.Module) -> None:
    """Filters of each linear and convolution layer are orthonormal (or its inputs are, if fewer), and biases zero."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.orthogonal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
