"""Whether what a GAN is made of goes together; the one check, before data are loaded and when a GAN is built.

Objectives, terms and augmentations say what they `need`; what they and the networks `provide` is known by no other
name. Augmentations must keep sentences true.
"""

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from diptych.systems.base import Choice
from diptych.systems.devices import own_rank
from diptych.systems.gan.augmentations.base import Augmentation, Broken
from diptych.systems.gan.needs import ALWAYS_PROVIDED, GAN_NEEDS
from diptych.systems.gan.terms.base import MOMENTS
from diptych.systems.terms.base import check_moments
from diptych.systems.terms.needs import check_needs

BOUNDED_IN_TEXT = "bounded_in_text"
"""What a term provides that bounds the discriminator's slope by the sentence, not by the image alone."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ingredients:
    """What a GAN is made of: objects, or their classes where they could not be built yet.

    `networks` may be None by role. `borrowed` names what comes from other runs; None where only the GAN's own networks
    are known.
    """

    networks: Mapping[str, Any]
    objective: Any
    terms: Mapping[str, Any]
    augmentations: Mapping[str, Any]
    mismatch_weight: float
    borrowed: Collection[str] | None = None

    @classmethod
    def of(cls, choice: Choice) -> "Ingredients":
        """Those of a configuration; the discriminator is built on trial where something may depend on it."""
        terms = {key: choice.on_trial(f"terms.{key}") for key in choice.terms}
        augmentations = {key: choice.on_trial(f"augmentations.{key}") for key in choice.augmentations}
        objective = choice.recipe.get("objective")
        needs = any(getattr(part, "needs", ()) for part in (objective, *terms.values(), *augmentations.values()))
        networks = {**choice.networks, **({"discriminator": choice.on_trial("discriminator")} if needs else {})}
        weight = choice.settings.get("mismatch_weight", 0.0)
        return cls(networks, objective, terms, augmentations, weight, choice.parts)

    def named(self) -> dict[str, Any]:
        """The objective, terms and augmentations, by the keys that set them."""
        terms = {f"terms.{key}": term for key, term in self.terms.items()}
        return {
            "objective": self.objective,
            **terms,
            **{f"augmentations.{k}": a for k, a in self.augmentations.items()},
        }


def check_settings(*, mismatch_weight: float = 0.0, discriminator_steps: int = 1, **_: Any) -> None:
    """Refuse values of `system` that no step could follow."""
    if not 0 <= mismatch_weight <= 1:
        raise ValueError(f"system.mismatch_weight={mismatch_weight} is a share of negatives: give 0 to 1")
    if discriminator_steps < 1:
        raise ValueError(f"system.discriminator_steps={discriminator_steps}: give 1 or more")


def check_ingredients(ingredients: Ingredients) -> None:
    """Refuse what does not go together; `ValueError` with the reason and what to set."""
    named = ingredients.named()
    needs = {key: getattr(part, "needs", ()) for key, part in named.items()}
    check_moments(ingredients.terms, MOMENTS)
    provided = {what for part in named.values() for what in getattr(part, "provides", ())} | {*ALWAYS_PROVIDED}
    networks = {**ingredients.networks, "objective": ingredients.objective, "augmentations": ingredients.augmentations}
    check_needs(needs, networks, ingredients.borrowed, provided=provided, own_checks=GAN_NEEDS)
    reads_text = ingredients.networks.get("text_encoder") is not None
    if ingredients.mismatch_weight and not reads_text:
        raise ValueError("system.mismatch_weight needs sentences: choose a text_encoder, or set it to 0")
    if ingredients.mismatch_weight and "bounded_critic" in needs["objective"] and BOUNDED_IN_TEXT not in provided:
        raise ValueError(
            f"system.mismatch_weight={ingredients.mismatch_weight:g}: with this objective nothing bounds by how much "
            "the discriminator prefers a right sentence to a wrong one of the same image: set it to 0 (contrastive "
            "terms teach sentences), or add term=matching_gradient_penalty"
        )
    for key, augmentation in augmentations_in(named) if reads_text else ():
        if broken := augmentation.not_accepted():
            raise ValueError(_refusal(key, augmentation, broken))


def tell_what_breaks(ingredients: Ingredients) -> None:
    """Say in the log which augmentations may make sentences untrue, as the user has accepted."""
    if ingredients.networks.get("text_encoder") is None or own_rank():
        return
    for key, augmentation in augmentations_in(ingredients.named()):
        for broken in augmentation.breaks():
            _log.warning("%s: %s; sentences about %s may be untrue (may_break)", key, broken.reason, broken.aspect)


def augmentations_in(named: Mapping[str, Any]) -> Iterator[tuple[str, Augmentation]]:
    """All augmentations, also those of terms, by the keys that set them; not what they are composed of."""
    for key, part in named.items():
        if isinstance(part, Augmentation):
            yield key, part
        elif isinstance(part, nn.Module):
            yield from augmentations_in({f"{key}.{name}": child for name, child in part.named_children()})


def _refusal(key: str, augmentation: Augmentation, broken: list[Broken]) -> str:
    reasons = "; ".join(dict.fromkeys(each.reason for each in broken))
    aspects = dict.fromkeys((*augmentation.may_break, *(each.aspect for each in broken)))
    told = " and ".join(dict.fromkeys(each.aspect for each in broken))
    return (
        f"{key}: {reasons}. Sentences about {told} would not be true of what the discriminator sees: choose it weaker "
        f"or leave it out, or accept that with {key}.may_break=[{','.join(aspects)}]"
    )
