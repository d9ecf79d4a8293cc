"""A discriminator that is flat at real images with their sentences (DF-GAN, Tao et al. 2022, arXiv:2008.05865)."""

from diptych.losses.gradient_penalties import input_gradients, power_penalty
from diptych.systems.gan.steps import DiscriminatorStep
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.gan.terms.full_precision import scored_in_full
from diptych.systems.terms.base import Losses


class MatchingGradientPenalty(GANTerm):
    """The gradient's norm over the real image and its sentence vector together, to the power `exponent`.

    Mismatched pairs are left as they are. The sentence vector is a point here, as in the article, whose text encoder is
    frozen: the penalty does not teach the text encoder, which could escape it by longer vectors. `weight` is the
    article's k, `exponent` its p.
    """

    needs = ("text", "no_batch_norm")
    provides = ("bounded_critic", "bounded_in_text")

    def __init__(self, *, weight: float = 2.0, exponent: float = 6.0, every: int = 1) -> None:
        super().__init__(weight=weight, every=every)
        if exponent < 2:
            raise ValueError(
                f"terms.matching_gradient_penalty.exponent={exponent}: give 2 or more (the article's is 6)"
            )
        self.exponent = exponent

    def discriminator_losses(self, step: DiscriminatorStep) -> Losses:
        assert step.text is not None
        images = step.real.detach().requires_grad_()
        sentences = step.text.sentence.detach().to(images.dtype).requires_grad_()
        text = step.text._replace(sentence=sentences, words=step.text.words.detach())
        gradients = input_gradients(scored_in_full(step, images, text, step.views.real), images, sentences)
        return {"matching_gradient_penalty": power_penalty(gradients, exponent=self.exponent)}
