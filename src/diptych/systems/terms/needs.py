"""Whether what is chosen has what a term, an augmentation or the objective needs."""

import difflib
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

LENDERS_OF_ENCODERS = ("classifier", "captioner", "embedding")
"""Parts of other runs that have an image encoder."""
Check = Callable[[Mapping[str, Any], Collection[str] | None], str]
"""(networks by role, names of parts) -> why a need is not met, and what to do; "" where it is."""
NO_CHECKS: Mapping[str, Check] = MappingProxyType({})


def check_needs(
    needs_of: Mapping[str, Collection[str]],
    networks: Mapping[str, Any],
    parts: Collection[str] | None = None,
    *,
    provided: Collection[str] = (),
    own_checks: Mapping[str, Check] = NO_CHECKS,
) -> None:
    """Refuse needs that are not met, by the key that asks for them.

    `networks` holds what is chosen by role, the objective and the augmentations as well: objects, or their classes
    where they could not be built yet. `parts` names what is borrowed from other runs. Without `parts`, a system asks
    that knows its own networks only (None: not chosen): what is needed of others was checked before they were built.
    `provided` is what terms and others provide, `own_checks` are those of a family's own needs.
    """
    chosen = {role: network for role, network in networks.items() if network is not None}
    checks = {**_CHECKS, **own_checks}
    for role, network in chosen.items():
        for need in () if role in needs_of else getattr(network, "needs", ()):
            if need not in provided and (reason := _unmet(need, chosen, parts, checks, provided)):
                raise ValueError(f"{role} {class_of(network)} {reason}, or another {role}=…")
    for key, needs in needs_of.items():
        for need in needs:
            if parts is None and need not in checks and need.partition(".")[0] not in networks:
                continue
            if need not in provided and (reason := _unmet(need, chosen, parts, checks, provided)):
                raise ValueError(f"{key} {reason}{_way_out(key)}")


def class_of(network: Any) -> str:
    """The name of an object's class, or of a class."""
    return network.__name__ if isinstance(network, type) else type(network).__name__


def _way_out(key: str) -> str:
    """What may be dropped instead."""
    group, _, name = key.partition(".")
    return f", or drop the {group.removesuffix('s')} with ~{key}" if name else f", or choose another {key}=…"


def _unmet(
    need: str,
    networks: Mapping[str, Any],
    parts: Collection[str] | None,
    checks: Mapping[str, Check],
    provided: Collection[str],
) -> str:
    """Why a need is not met, and what to do; "" where it is."""
    if need in checks:
        return checks[need](networks, parts)
    role, _, method = need.partition(".")
    if role not in networks:
        near = difflib.get_close_matches(need, (*provided, *checks), n=1, cutoff=0.8)
        return f"needs {need!r}, which nobody knows: write {near[0]!r}" if near else f"needs a {role}: choose {role}=…"
    if method and not hasattr(networks[role], method):
        return f"needs a {role} with {method}(), and {class_of(networks[role])} has none: choose another {role}=…"
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


_CHECKS: Mapping[str, Check] = {
    "text": _text,
    "captioner": _captioner,
    "embedding": _embedding,
    "image_encoder_of_a_part": _image_encoder_of_a_part,
}
