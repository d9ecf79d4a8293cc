"""The base of all terms: what a GAN's networks learn from besides the objective.

A term is one class, one file in `conf/term` and one test. It is chosen by `term=[…]`, has a key in `terms`, and its
losses are logged as `train/<name>`. Nothing else knows it by name.
"""

from collections.abc import Mapping
from math import lcm
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from diptych.systems.gan.fit import Fit
from diptych.systems.gan.steps import DiscriminatorStep, GenerationStep, GeneratorStep

Losses = Mapping[str, Float[Tensor, " batch"]]
"""One value an image, by the name under which it is logged."""


MOMENTS = ("discriminator_losses", "generation_losses", "generator_losses")
"""The methods in which a term says what is learned from it."""


class Term(nn.Module):
    """Losses of the discriminator's step, of the generator's, or of both; a method that is not overridden has none.

    `needs` names what the term cannot do without: "text" (sentences), "captioner" or "embedding" (frozen, from
    `parts`), "image_encoder_of_a_part" (of a captioner, a classifier or an embedding), a role ("latent_encoder"), a
    method of a network ("discriminator.embed"), "no_batch_norm" (a discriminator that sees each image by itself),
    "no_augmentations" (for a term that shows the discriminator other images than the step's views), "image_gradients"
    (the discriminator's images require a gradient) or "fresh_reals" (the generator's step scores the batch's real
    images again). `provides` names what others may rely on: "bounded_critic" (a bound for the discriminator's slope),
    "bounded_in_text" (one for its slope by the sentence). `weight` is that of every loss without one in `weights`.
    With `every`, the term counts at each `every`-th step of the discriminator only, as much more as makes up for the
    others (lazy regularisation, StyleGAN2, arXiv:1912.04958).
    `couples_examples` says that a loss looks at several images of a batch at once: with `system.micro_batch_size` it
    sees those of a part of the batch, and the run says so.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    provides: ClassVar[tuple[str, ...]] = ()
    couples_examples: ClassVar[bool] = False

    def __init__(self, *, weight: float = 1.0, every: int = 1) -> None:
        super().__init__()
        if every < 1:
            raise ValueError(f"every={every}: give 1 (each step of the discriminator) or more")
        if all(getattr(type(self), moment) is getattr(Term, moment) for moment in MOMENTS):
            raise TypeError(f"{type(self).__name__} has no losses: write {', '.join(MOMENTS[:-1])} or {MOMENTS[-1]}")
        self.weight, self.every = weight, every

    @property
    def weights(self) -> Mapping[str, float]:
        """The weights of losses that have one of their own, by name."""
        return {}

    def weight_of(self, loss: str, pause: int = 1) -> float:
        """How much a loss of this term weighs where it counts.

        It makes up for the steps in which it does not; `pause` is the number of the discriminator's steps to one of the
        network that learns from the loss.
        """
        return self.weights.get(loss, self.weight) * (lcm(self.every, pause) // pause)

    def counts(self, turn: int) -> bool:
        """Whether the term has a part in this step of the discriminator and the generator's step after it."""
        return turn % self.every == 0

    def helpers(self) -> list[tuple[nn.Module, float]]:
        """Networks that learn in the generator's step, each with its multiple of the learning rate."""
        return []

    def discriminator_helpers(self) -> list[tuple[nn.Module, float]]:
        """The same of networks that learn in the discriminator's step."""
        return []

    def check_fit(self, fit: Fit) -> None:
        """Called once when the GAN is built: refuse a network of one's own that does not fit the others."""

    def begin(self) -> None:
        """Called once before training: refuse what is missing."""

    def discriminator_losses(self, step: DiscriminatorStep) -> Losses:
        """Losses that the discriminator learns from."""
        return {}

    def generation_losses(self, step: GenerationStep) -> Losses:
        """Losses that the generator learns from without asking the discriminator."""
        return {}

    def generator_losses(self, step: GeneratorStep) -> Losses:
        """Losses that the generator learns from, with the discriminator frozen."""
        return {}


def checked(term: Term, losses: Losses) -> Losses:
    """What a term says, if it is one value an image for each loss."""
    name = type(term).__name__
    if not isinstance(losses, Mapping):
        raise TypeError(
            f"{name} gives a {type(losses).__name__} as its losses; give {{'some_loss': one value an image}}"
        )
    for loss, values in losses.items():
        if values.ndim != 1:
            raise ValueError(f"{name}: {loss} has the shape {tuple(values.shape)}; give one value an image")
    return losses
