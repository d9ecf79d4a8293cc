"""Spectral normalisation as an option of every discriminator (Miyato et al. 2018, arXiv:1802.05957)."""

from torch import nn
from torch.nn.utils.parametrizations import _SpectralNorm, spectral_norm
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


def is_normalized_spectrally(network: nn.Module) -> bool:
    """Whether every layer whose weights learn is normalised, and there is one."""
    layers = [layer for layer in network.modules() if isinstance(layer, LAYERS)]
    learning = [layer for layer in layers if any(p.requires_grad for p in layer.parameters())]
    return bool(learning) and all(_is_normalized(layer) for layer in learning)


def _is_normalized(layer: nn.Module) -> bool:
    if not is_parametrized(layer, "weight"):
        return False
    return any(isinstance(each, _SpectralNorm) for each in layer.parametrizations["weight"])  # pyright: ignore
