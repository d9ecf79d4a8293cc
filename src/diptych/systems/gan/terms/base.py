"""The base of the terms that only a GAN has: its discriminator plays a part in them.

A term of any family (`systems/terms/base.py`) is asked in the generator's step, with the discriminator frozen.
"""

from torch import nn

from diptych.systems.gan.fit import Fit
from diptych.systems.gan.steps import DiscriminatorStep, GenerationStep, GeneratorStep
from diptych.systems.terms.base import Losses, Term, says_nothing

MOMENTS = ("discriminator_losses", "generation_losses", "generator_losses", "image_losses")
"""The methods in which a term says what a GAN learns from it."""


class GANTerm(Term):
    """Losses of the discriminator's step, of the generator's, or of both; `turn` and `every` count the discriminator's.

    Beside the needs of all terms there are "no_batch_norm" (a discriminator that sees each image by itself),
    "no_augmentations" (for a term that shows the discriminator other images than the step's views), "image_gradients"
    (the discriminator's images require a gradient) and "fresh_reals" (the generator's step scores the batch's real
    images again). Others may rely on "bounded_critic" (a bound for the discriminator's slope) and "bounded_in_text"
    (one for its slope by the sentence).
    """

    def discriminator_helpers(self) -> list[tuple[nn.Module, float]]:
        """Networks that learn in the discriminator's step, each with its multiple of the learning rate."""
        return []

    def check_fit(self, fit: Fit) -> None:
        """Called once when the GAN is built: refuse a network of one's own that does not fit the others."""

    @says_nothing
    def discriminator_losses(self, step: DiscriminatorStep) -> Losses:
        """Losses that the discriminator learns from."""
        return {}

    @says_nothing
    def generation_losses(self, step: GenerationStep) -> Losses:
        """Losses that the generator learns from without asking the discriminator."""
        return {}

    @says_nothing
    def generator_losses(self, step: GeneratorStep) -> Losses:
        """Losses that the generator learns from, with the discriminator frozen."""
        return {}
