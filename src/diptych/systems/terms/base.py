"""The base of all terms: what networks learn from besides the objective.

A term is one class, one file in `conf/term` and one test. It is chosen by `term=[…]`, has a key in `terms`, and its
losses are logged as `train/<name>`. Nothing else knows it by name.

A method `…_losses(step)` is a moment of training at which a family asks its terms. All families ask `image_losses`;
each may have moments of its own (a GAN's are those of `systems/gan/terms/base.py`).
"""

from collections.abc import Collection, Mapping
from math import lcm
from typing import Any, ClassVar, TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from diptych.systems.terms.steps import ImageStep

Losses = Mapping[str, Float[Tensor, " batch"]]
"""One value an image, by the name under which it is logged."""
Method = TypeVar("Method", bound=Any)


def says_nothing(method: Method) -> Method:
    """Marks a moment that a term has only if it overrides this method."""
    method.says_nothing = True
    return method


class Term(nn.Module):
    """Losses of the images that a family's networks make; a moment that is not overridden has none.

    `needs` names what the term cannot do without: "text" (sentences), "captioner" or "embedding" (frozen, from
    `parts`), "image_encoder_of_a_part" (of a captioner, a classifier or an embedding), a role ("latent_encoder"), or a
    method of a network ("discriminator.embed"); a family may know further needs. `provides` names what others may rely
    on. `weight` is that of every loss without one in `weights`. With `every`, the term counts at each `every`-th step
    only, as much more as makes up for the others (lazy regularisation, StyleGAN2, arXiv:1912.04958).
    `couples_examples` says that a loss looks at several images of a batch at once: with `system.micro_batch_size` it
    sees those of a part of the batch, and the run says so.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    provides: ClassVar[tuple[str, ...]] = ()
    couples_examples: ClassVar[bool] = False

    def __init__(self, *, weight: float = 1.0, every: int = 1) -> None:
        super().__init__()
        if every < 1:
            raise ValueError(f"every={every}: give 1 (each step) or more")
        if not any(answers(self, moment) for moment in moments_of(self)):
            moments = sorted(moments_of(self))
            raise TypeError(f"{type(self).__name__} has no losses: write {' or '.join(moments)}")
        self.weight, self.every = weight, every

    @property
    def weights(self) -> Mapping[str, float]:
        """The weights of losses that have one of their own, by name."""
        return {}

    def weight_of(self, loss: str, pause: int = 1) -> float:
        """How much a loss of this term weighs where it counts.

        It makes up for the steps in which it does not; `pause` is the number of steps to one of the network that learns
        from the loss.
        """
        return self.weights.get(loss, self.weight) * (lcm(self.every, pause) // pause)

    def counts(self, turn: int) -> bool:
        """Whether the term has a part in this step."""
        return turn % self.every == 0

    def helpers(self) -> list[tuple[nn.Module, float]]:
        """Networks that learn along with what makes images, each with its multiple of the learning rate."""
        return []

    def begin(self) -> None:
        """Called once before training: refuse what is missing."""

    @says_nothing
    def image_losses(self, step: ImageStep) -> Losses:
        """Losses of the images that learn."""
        return {}


def answers(term: Any, moment: str) -> bool:
    """Whether a term, or a class of terms, has losses at this moment."""
    return not getattr(getattr(term, moment, None), "says_nothing", not hasattr(term, moment))


def moments_of(term: Any) -> set[str]:
    """The moments that a term could have."""
    return {name for name in dir(type(term)) if name.endswith("_losses")}


def asked(term: Term, moment: str, step: Any) -> Losses:
    """What a term says at this moment, if it is one value an image for each loss; nothing where it has no losses."""
    if not answers(term, moment):
        return {}
    name, losses = type(term).__name__, getattr(term, moment)(step)
    if not isinstance(losses, Mapping):
        raise TypeError(
            f"{name} gives a {type(losses).__name__} as its losses; give {{'some_loss': one value an image}}"
        )
    for loss, values in losses.items():
        if values.ndim != 1:
            raise ValueError(f"{name}: {loss} has the shape {tuple(values.shape)}; give one value an image")
    return losses


def check_moments(terms: Mapping[str, Any], moments: Collection[str]) -> None:
    """Refuse a term, by its key, that has no losses at any of a family's moments."""
    for key, term in terms.items():
        if not any(answers(term, moment) for moment in moments):
            name = term.__name__ if isinstance(term, type) else type(term).__name__
            has = sorted(m for m in dir(term) if m.endswith("_losses") and answers(term, m))
            raise ValueError(
                f"terms.{key}: {name} learns at {' and '.join(has)}, and this system asks for "
                f"{' and '.join(moments)}: drop it with ~terms.{key}"
            )


def without_repeats(*figures: Mapping[str, Any]) -> dict[str, Any]:
    """All of them in one table; no two may be logged under one name."""
    joined: dict[str, Any] = {}
    for name, value in (pair for some in figures for pair in some.items()):
        if name in joined:
            raise ValueError(f"terms: two losses are logged as train/{name}; give one of them another name")
        joined[name] = value
    return joined
