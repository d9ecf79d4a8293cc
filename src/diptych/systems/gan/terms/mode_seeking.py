"""Two images of one sentence should differ as their latents do (Mao et al. 2019, arXiv:1903.05628)."""

from diptych.losses.mode_seeking import mode_seeking_loss
from diptych.systems.devices import draw_normal
from diptych.systems.gan.steps import GenerationStep
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.terms.base import Losses


class ModeSeeking(GANTerm):
    """Distance of latents over distance of images, between each image and a second one of the same sentence.

    The second latents are drawn for this term; gradients reach the generator through both images.
    """

    def generation_losses(self, step: GenerationStep) -> Losses:
        others = draw_normal(*step.latents.shape, rng=step.rng).to(step.latents)
        images = step.networks.generator(others, step.text)
        return {"mode_seeking_loss": mode_seeking_loss(step.latents, others, step.fake, images)}
