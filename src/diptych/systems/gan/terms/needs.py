"""Whether what is chosen has what a term, an augmentation or the objective needs."""

import difflib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from torch import nn

from diptych.models.gan.spectral import is_normalized_spectrally

PROVIDED = ("image_gradients", "fresh_reals")
"""What the GAN itself provides whenever a term asks for it."""
LENDERS_OF_ENCODERS = ("classifier", "captioner", "embedding")
"""Parts of other runs that have an image encoder."""


def check_needs(
    needs_of: Mapping[str, Collection[str]],
    networks: Mapping[str, Any],
    parts: Collection[str] | None = None,
    *,
    provided: Collection[str] = (),
) -> None:
    """Refuse needs that are not met, by the key that asks for them.

    `networks` holds what is chosen by role, the objective and the augmentations as well: objects, or their classes
    where they could not be built yet. `parts` names what is borrowed from other runs. Without `parts`, a GAN asks that
    knows its own networks only (None: not chosen): what is needed of others was checked before they were built.
    `provided` is what terms and others provide.
    """
    chosen = {role: network for role, network in networks.items() if network is not None}
    for role, network in chosen.items():
        for need in () if role in needs_of else getattr(network, "needs", ()):
            if need not in provided and (reason := _unmet(need, chosen, parts)):
                raise ValueError(f"{role} {_name(network)} {reason}, or another {role}=…")
    for key, needs in needs_of.items():
        for need in needs:
            if parts is None and need not in _CHECKS and need.partition(".")[0] not in networks:
                continue
            if need not in provided and (reason := _unmet(need, chosen, parts)):
                raise ValueError(f"{key} {reason}{_way_out(key)}")


def _way_out(key: str) -> str:
    """What may be dropped instead."""
    group, _, name = key.partition(".")
    return f", or drop the {group.removesuffix('s')} with ~{key}" if name else f", or choose another {key}=…"


def _unmet(need: str, networks: Mapping[str, Any], parts: Collection[str] | None) -> str:
    """Why a need is not met, and what to do; "" where it is."""
    if need in PROVIDED:
        return ""
    if need in _CHECKS:
        return _CHECKS[need](networks, parts)
    role, _, method = need.partition(".")
    if role not in networks:
        near = difflib.get_close_matches(need, (*PROVIDED, *_CHECKS), n=1, cutoff=0.8)
        return f"needs {need!r}, which nobody knows: write {near[0]!r}" if near else f"needs a {role}: choose {role}=…"
    if method and not hasattr(networks[role], method):
        return f"needs a {role} with {method}(), and {_name(networks[role])} has none: choose another {role}=…"
    return ""


def _text(networks: Mapping[str, Any], parts: Collection[str] | None) -> str:
    return "" if "text_encoder" in networks else "needs sentences: choose a text_encoder=…"


def _captioner(networks: Mapping[str, Any], parts: Collection[str] | None) -> str:
    if parts is None or "captioner" in parts:
        return ""
    return (
        "needs a frozen captioner: name its run in parts.captioner.run "
        "(+parts.captioner.run=RUN +parts.captioner.task=captioning)"
    )


def _embedding(networks: Mapping[str, Any], parts: Collection[str] | None) -> str:
    if parts is None or "embedding" in parts:
        return ""
    return (
        "needs a frozen embedding of images and sentences: name its run in parts.embedding.run "
        "(+parts.embedding.run=RUN +parts.embedding.task=embedding)"
    )


def _image_encoder_of_a_part(networks: Mapping[str, Any], parts: Collection[str] | None) -> str:
    if parts is None or set(parts) & set(LENDERS_OF_ENCODERS):
        return ""
    return (
        "needs a frozen image encoder: name a run in parts.classifier.run, parts.captioner.run or parts.embedding.run "
        "(+parts.classifier.run=RUN +parts.classifier.task=classification)"
    )


def _no_batch_norm(networks: Mapping[str, Any], parts: Collection[str] | None) -> str:
    discriminator = networks.get("discriminator")
    if not isinstance(discriminator, nn.Module):
        return ""
    norms = (nn.modules.batchnorm._BatchNorm,)
    if not any(isinstance(module, norms) for module in discriminator.modules()):
        return ""
    return (
        f"penalises the discriminator image by image, and {_name(discriminator)} has batch normalisation, in which "
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
        f"({_name(networks['objective'])}) is unbounded unless something bounds the slope of {_name(discriminator)}: "
        "add a gradient penalty, +term=gradient_penalty (or +term=r1), or set discriminator.spectral_norm=true"
    )


def _logit_sign(networks: Mapping[str, Any], parts: Collection[str] | None) -> str:
    objective = networks.get("objective")
    if getattr(objective, "boundary", 0.0) is not None:
        return ""
    return (
        f"adapts to the sign of the discriminator's logits, and {_name(objective)} fixes only their differences: "
        "choose another objective=…"
    )


def _name(network: Any) -> str:
    return network.__name__ if isinstance(network, type) else type(network).__name__


_CHECKS: Mapping[str, Callable[[Mapping[str, Any], Collection[str] | None], str]] = {
    "text": _text,
    "captioner": _captioner,
    "embedding": _embedding,
    "image_encoder_of_a_part": _image_encoder_of_a_part,
    "no_batch_norm": _no_batch_norm,
    "no_augmentations": _no_augmentations,
    "bounded_critic": _bounded_critic,
    "logit_sign": _logit_sign,
}
