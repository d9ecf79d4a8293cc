"""A critic of slope 1 between real and generated images (WGAN-GP, Gulrajani et al. 2017, arXiv:1704.00028)."""

import torch

from diptych.losses.gradient_penalties import input_gradients, unit_norm_penalty
from diptych.systems.devices import draw_uniform
from diptych.systems.gan.steps import DiscriminatorStep
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.gan.terms.full_precision import scored_in_full
from diptych.systems.terms.base import Losses


class GradientPenalty(GANTerm):
    """Squared difference of 1 and the gradient's norm at mixtures of real and generated images.

    Real image i and generated image i, both of sentence i, are mixed by one uniform number an image. The norm is over
    all dimensions of the image. With augmentations, they are mixed as the discriminator sees them: its slope is held
    between what it compares. `one_sided` penalises norms above 1 only. `weight` is the article's lambda.
    """

    needs = ("no_batch_norm",)
    provides = ("bounded_critic",)

    def __init__(self, *, weight: float = 10.0, one_sided: bool = False, every: int = 1) -> None:
        super().__init__(weight=weight, every=every)
        self.one_sided = one_sided

    def discriminator_losses(self, step: DiscriminatorStep) -> Losses:
        real = step.views.real(step.real.detach())
        fake = step.views.fake(step.fake.detach().to(real.dtype))
        shares = draw_uniform(len(real), 1, 1, 1, rng=step.rng).to(real)
        mixtures = torch.lerp(fake, real, shares).requires_grad_()
        gradients = input_gradients(scored_in_full(step, mixtures, step.text), mixtures)
        return {"gradient_penalty": unit_norm_penalty(gradients, one_sided=self.one_sided)}
