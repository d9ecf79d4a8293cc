"""A generator that also learns by generating real pictures again, in the manner of BicycleGAN (arXiv:1711.11586).

The discriminator says whether a generated image is plausible; here the generator is shown what it should have been. A
latent encoder finds the latents of a real picture, from which the generator has to generate it once more (the VAE
half), and learns on the generator's own pictures, whose latents are known, what latents do (latent regression). Unlike
there, latent regression teaches the encoder alone, errors are squared, and no discriminator looks at pictures generated
again. The latent encoder reads sentences but does not teach their encoder.
"""

from typing import Any

import torch
from torch import nn

from diptych.losses.variational import gaussian_kl, latent_loss, reconstruction_loss
from diptych.systems.devices import draw_normal
from diptych.systems.gan.fit import Fit, called, name_of
from diptych.systems.gan.steps import GenerationStep
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.modes import evaluating
from diptych.systems.terms.base import Losses
from diptych.types import TextFeatures


class Reconstruction(GANTerm):
    """Real images generated again from the latents that `latent_encoder` finds, which learns along.

    `weight` is per squared error of a value, `kl_weight` per nat of the latents, `latent_weight` per squared error of
    the latents found in generated images; `lr_multiplier` is the latent encoder's, of the generator's learning rate.
    """

    def __init__(
        self,
        *,
        latent_encoder: Any,
        weight: float = 50.0,
        kl_weight: float = 0.0,
        latent_weight: float = 0.0,
        lr_multiplier: float = 1.0,
        every: int = 1,
    ) -> None:
        super().__init__(weight=weight, every=every)
        self.latent_encoder = latent_encoder
        self.kl_weight, self.latent_weight, self.lr_multiplier = kl_weight, latent_weight, lr_multiplier

    @property
    def weights(self) -> dict[str, float]:
        return {"kl_loss": self.kl_weight, "latent_loss": self.latent_weight}

    def helpers(self) -> list[tuple[nn.Module, float]]:
        return [(self.latent_encoder, self.lr_multiplier)]

    @torch.no_grad()
    def check_fit(self, fit: Fit) -> None:
        complaint = f"latent_encoder {name_of(self.latent_encoder)} cannot read what the generator makes"
        with evaluating(self.latent_encoder):
            found = called(self.latent_encoder, fit.generated, fit.text, complaint).mean
        if found.shape != fit.latents.shape:
            raise ValueError(f"{complaint}: it finds {found.shape[1]} latents, not {fit.latents.shape[1]}")

    def generation_losses(self, step: GenerationStep) -> Losses:
        read = step.text and TextFeatures(*(part.detach() for part in step.text))
        posterior = self.latent_encoder(step.real, read)
        noise = draw_normal(*posterior.mean.shape, rng=step.rng).to(posterior.mean)
        again = step.networks.generator(posterior.sample(noise), step.text)
        recovered = self.latent_encoder(step.fake.detach(), read).mean
        return {
            "reconstruction_loss": reconstruction_loss(again, step.real),
            "kl_loss": gaussian_kl(*posterior),
            "latent_loss": latent_loss(recovered, step.latents),
        }
