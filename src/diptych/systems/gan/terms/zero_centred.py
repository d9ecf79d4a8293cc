"""A discriminator that is flat at real or at generated images (Mescheder et al. 2018, arXiv:1801.04406)."""

from diptych.losses.gradient_penalties import input_gradients, zero_centred_penalty
from diptych.systems.gan.steps import DiscriminatorStep
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.gan.terms.full_precision import judged_in_full
from diptych.systems.terms.base import Losses


class R1(GANTerm):
    """Half the squared gradient at real images; `weight` is the article's gamma."""

    needs = ("image_gradients", "no_batch_norm")
    provides = ("bounded_critic",)

    def discriminator_losses(self, step: DiscriminatorStep) -> Losses:
        images, logits = judged_in_full(step, step.real, step.real_logits, step.views.real)
        return {"r1_penalty": zero_centred_penalty(input_gradients(logits, images))}


class R2(GANTerm):
    """Half the squared gradient at generated images; `weight` is the article's gamma."""

    needs = ("image_gradients", "no_batch_norm")
    provides = ("bounded_critic",)

    def discriminator_losses(self, step: DiscriminatorStep) -> Losses:
        images, logits = judged_in_full(step, step.fake, step.fake_logits, step.views.fake)
        return {"r2_penalty": zero_centred_penalty(input_gradients(logits, images))}
