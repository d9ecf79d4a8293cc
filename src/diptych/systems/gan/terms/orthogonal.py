"""Layers whose filters are orthogonal to one another (BigGAN, Brock et al. 2019, arXiv:1809.11096)."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from diptych.losses.orthogonal import orthogonal_loss
from diptych.systems.gan.steps import DiscriminatorStep, GenerationStep
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.terms.base import Losses

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)


class Orthogonal(GANTerm):
    """Squared inner products of each layer's filters, summed over the linear and convolution layers that learn.

    `weight` is the article's beta, for the generator; `discriminator_weight` is that of the discriminator. A loss of
    weight 0 is not computed. Spectrally normalised layers count by the weights that learn, before normalisation.
    Embeddings are left alone. Every image is given the same value.
    """

    def __init__(self, *, weight: float = 1e-4, discriminator_weight: float = 0.0, every: int = 1) -> None:
        super().__init__(weight=weight, every=every)
        self.discriminator_weight = discriminator_weight

    @property
    def weights(self) -> dict[str, float]:
        return {"orthogonal_loss": self.weight, "discriminator_orthogonal_loss": self.discriminator_weight}

    def discriminator_losses(self, step: DiscriminatorStep) -> Losses:
        if not self.discriminator_weight:
            return {}
        return {"discriminator_orthogonal_loss": _loss(step.networks.discriminator).expand(len(step.real))}

    def generation_losses(self, step: GenerationStep) -> Losses:
        return {"orthogonal_loss": _loss(step.networks.generator).expand(len(step.real))} if self.weight else {}


def _loss(network: nn.Module) -> Float[Tensor, ""]:
    weights = list(_filters(network))
    if not weights:
        raise ValueError(
            f"terms.orthogonal: {type(network).__name__} has no linear and no convolution layer that learns; "
            "drop the term with ~terms.orthogonal"
        )
    with torch.autocast(weights[0].device.type, enabled=False):
        return torch.stack([orthogonal_loss(filters) for filters in weights]).sum()


def _filters(network: nn.Module) -> Iterator[Float[Tensor, "outputs inputs"]]:
    """A row for each output of a layer."""
    for layer in network.modules():
        if not isinstance(layer, LAYERS):
            continue
        weight: Tensor = layer.parametrizations.weight.original if is_parametrized(layer, "weight") else layer.weight  # pyright: ignore
        if not weight.requires_grad:
            continue
        if isinstance(layer, TRANSPOSED):  # (inputs, outputs of a group, ...)
            weight = weight.unflatten(0, (layer.groups, -1)).transpose(1, 2).flatten(0, 1)
        yield weight.flatten(1)
