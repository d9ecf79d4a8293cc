"""What keeps a generator's conditioning augmentation near noise (StackGAN, Zhang et al. 2017, arXiv:1612.03242)."""

from diptych.losses.variational import gaussian_kl
from diptych.systems.gan.steps import GenerationStep
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.terms.base import Losses


class ConditioningAugmentation(GANTerm):
    """Divergence from a standard normal distribution of the numbers that the generator draws for a sentence.

    In nats, summed over the numbers: `weight` 0.01 is the mean over 100 of them, as in AttnGAN's code. Without the term
    the generator would let their variance vanish, and neighbouring sentences would share nothing.
    """

    needs = ("text", "generator.conditioning")

    def __init__(self, *, weight: float = 0.01, every: int = 1) -> None:
        super().__init__(weight=weight, every=every)

    def generation_losses(self, step: GenerationStep) -> Losses:
        return {"conditioning_loss": gaussian_kl(*step.networks.generator.conditioning(step.text))}
