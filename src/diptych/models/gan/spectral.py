"""Spectral normalisation as an option of every discriminator (Miyato et al. 2018, arXiv:1802.05957)."""

from torch import Tensor, nn
from torch.nn.utils.parametrizations import _SpectralNorm, spectral_norm
from torch.nn.utils.parametrize import is_parametrized

LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.Embedding)
"""The layers that have a matrix of weights."""


def normalize_spectrally(network: nn.Module) -> None:
    """Divide the weights of every layer by their largest singular value, estimated by a power iteration a pass.

    Layers that are normalised already stay as they are. Call it last, once weights are initialised: `ValueError` where
    those of a layer are all zero, which no number divides to a matrix of norm 1.
    """
    for name, layer in list(network.named_modules()):
        if isinstance(layer, LAYERS) and not is_parametrized(layer, "weight"):
            _refuse_zeros(name, layer.weight)
            spectral_norm(layer)


def _refuse_zeros(name: str, weight: Tensor) -> None:
    if not weight.is_meta and not weight.any():
        raise ValueError(
            f"spectral_norm=true: the weights of {name or 'the layer'} begin at zero and have no largest singular "
            "value; initialise them otherwise where layers are normalised, or set spectral_norm=false"
        )


def is_normalized_spectrally(network: nn.Module) -> bool:
    """Whether every layer whose weights learn is normalised, and there is one."""
    layers = [layer for layer in network.modules() if isinstance(layer, LAYERS)]
    learning = [layer for layer in layers if any(p.requires_grad for p in layer.parameters())]
    return bool(learning) and all(_is_normalized(layer) for layer in learning)


def _is_normalized(layer: nn.Module) -> bool:
    if not is_parametrized(layer, "weight"):
        return False
    return any(isinstance(each, _SpectralNorm) for each in layer.parametrizations["weight"])  # pyright: ignore
