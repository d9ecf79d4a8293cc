"""Spectral normalisation as an option of every discriminator (Miyato et al. 2018, arXiv:1802.05957)."""

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.Embedding)
"""The layers that have a matrix of weights."""


def normalize_spectrally(network: nn.Module) -> None:
    """Divide the weights of every layer by their largest singular value, estimated by a power iteration a pass.

    Layers that are normalised already stay as they are. Call it last, once weights are initialised.
    """
    for layer in list(network.modules()):
        if isinstance(layer, LAYERS) and not is_parametrized(layer, "weight"):
            spectral_norm(layer)
