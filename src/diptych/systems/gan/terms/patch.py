"""Real or fake of every patch, beside the whole image (PatchGAN, Isola et al. 2017, arXiv:1611.07004)."""

from diptych.losses.adversarial import of_patches
from diptych.systems.gan.steps import DiscriminatorStep, GeneratorStep
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.terms.base import Losses


class Patch(GANTerm):
    """The objective on the discriminator's patches, averaged over the patches of each image; sentences play no part."""

    needs = ("discriminator.patch_logits",)

    def discriminator_losses(self, step: DiscriminatorStep) -> Losses:
        patches = step.networks.discriminator.patch_logits
        real, fake = patches(step.real_features), patches(step.fake_features)
        return {"d_patch_loss": of_patches(step.networks.objective.discriminator, real, fake)}

    def generator_losses(self, step: GeneratorStep) -> Losses:
        patches = step.networks.discriminator.patch_logits
        fake, real = patches(step.fake_features), patches(step.real_features).detach()
        return {"g_patch_loss": of_patches(step.networks.objective.generator, fake, real)}
