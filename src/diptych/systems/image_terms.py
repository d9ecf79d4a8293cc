"""Systems with terms that are asked about images: which may be chosen, what they say, and in which step."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from diptych.systems.base import Choice, System
from diptych.systems.terms.base import Term, asked, check_moments, without_repeats
from diptych.systems.terms.needs import check_needs
from diptych.systems.terms.steps import ImageStep


class AsksTerms(System):
    """Keeps the terms of a system, and counts its steps in `turn`, which every checkpoint has.

    `moments` are those at which the system asks its terms. Call `keep_terms` once, and count each step.
    """

    moments: ClassVar[tuple[str, ...]] = ("image_losses",)
    terms: nn.ModuleDict
    turn: int

    @classmethod
    def check_terms(cls, choice: Choice) -> None:
        """Refuse terms that are never asked, or lack what they need; before any data are loaded."""
        terms = {key: choice.on_trial(f"terms.{key}") for key in choice.terms}
        check_moments(terms, cls.moments)
        needs = {f"terms.{key}": getattr(term, "needs", ()) for key, term in terms.items()}
        check_needs(needs, choice.networks, choice.parts)

    def keep_terms(self, terms: Mapping[str, Term] | None) -> None:
        """Ask these from the first step on."""
        self.terms, self.turn = nn.ModuleDict(dict(terms or {})), 0

    @property
    def all_terms(self) -> list[Any]:
        """Every term, in the order in which they were chosen."""
        return list(self.terms.values())

    @property
    def counting_terms(self) -> list[Any]:
        """Those that have a part in this step."""
        return [term for term in self.all_terms if term.counts(self.turn)]

    @property
    def helpers_of_terms(self) -> list[tuple[nn.Module, float]]:
        """Networks that learn along, each with its multiple of the learning rate."""
        return [helper for term in self.all_terms for helper in term.helpers()]

    def losses_of_images(self, step: ImageStep) -> tuple[dict[str, Tensor], dict[str, float]]:
        """One value an image of every loss of the terms that count in this step, and their weights."""
        losses: dict[str, Tensor] = {}
        weights: dict[str, float] = {}
        for term in self.counting_terms:
            own = asked(term, "image_losses", step)
            losses = without_repeats(losses, own)
            weights |= {name: term.weight_of(name) for name in own}
        return losses, weights

    def on_fit_start(self) -> None:
        super().on_fit_start()
        for term in self.all_terms:
            term.begin()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["turn"] = self.turn

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.turn = checkpoint["turn"]
