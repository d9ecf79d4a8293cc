"""What a GAN's terms, augmentations and objectives may need besides what those of all families do."""

from collections.abc import Collection, Mapping
from typing import Any

from torch import nn

from diptych.models.gan.spectral import is_normalized_spectrally
from diptych.systems.terms.needs import Check, class_of

ALWAYS_PROVIDED = ("image_gradients", "fresh_reals")
"""What the GAN itself provides whenever a term asks for it."""


def _no_batch_norm(networks: Mapping[str, Any], parts: Collection[str] | None) -> str:
    discriminator = networks.get("discriminator")
    if not isinstance(discriminator, nn.Module):
        return ""
    norms = (nn.modules.batchnorm._BatchNorm,)
    if not any(isinstance(module, norms) for module in discriminator.modules()):
        return ""
    return (
        f"penalises the discriminator image by image, and {class_of(discriminator)} has batch normalisation, in which "
        "images of a batch see one another: choose a discriminator without it"
    )


def _no_augmentations(networks: Mapping[str, Any], parts: Collection[str] | None) -> str:
    chosen = networks.get("augmentations")
    if not chosen:
        return ""
    dropped = " ".join(f"~augmentations.{key}" for key in chosen)
    return f"judges smaller images as well, which no augmentation reaches: drop {dropped}"


def _bounded_critic(networks: Mapping[str, Any], parts: Collection[str] | None) -> str:
    discriminator = networks.get("discriminator")
    if not isinstance(discriminator, nn.Module) or is_normalized_spectrally(discriminator):
        return ""
    return (
        f"({class_of(networks['objective'])}) is unbounded unless something bounds the slope of "
        f"{class_of(discriminator)}: add a gradient penalty, +term=gradient_penalty (or +term=r1), or set "
        "discriminator.spectral_norm=true"
    )


def _logit_sign(networks: Mapping[str, Any], parts: Collection[str] | None) -> str:
    objective = networks.get("objective")
    if getattr(objective, "boundary", 0.0) is not None:
        return ""
    return (
        f"adapts to the sign of the discriminator's logits, and {class_of(objective)} fixes only their differences: "
        "choose another objective=…"
    )


GAN_NEEDS: Mapping[str, Check] = {
    "no_batch_norm": _no_batch_norm,
    "no_augmentations": _no_augmentations,
    "bounded_critic": _bounded_critic,
    "logit_sign": _logit_sign,
}
