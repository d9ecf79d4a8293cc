"""A painter that also learns by painting real pictures again, as BicycleGAN does (Zhu et al. 2017, arXiv:1711.11586).

The discriminator says whether a painting is plausible; here the generator is shown what it should have been. A latent
encoder finds the latents of a real picture, from which the generator has to paint it once more (the VAE-GAN half),
and learns on the generator's own pictures, whose latents are known, what latents do (the latent-regression half; it
teaches the encoder alone).
"""

from typing import Any

import torch
from torch import Tensor, nn

from diptych.losses.variational import gaussian_kl, latent_loss, reconstruction_loss
from diptych.types import Images, TextFeatures


def reconstruct(
    latent_encoder: Any,
    generator: nn.Module,
    images: Images,
    text: TextFeatures | None,
    painted: Images,
    latents: Tensor,
    rng: torch.Generator,
) -> dict[str, Tensor]:
    """Each term by its name, one value a picture; `painted` was painted from `latents`."""
    posterior = latent_encoder(images, text)
    noise = torch.randn(posterior.mean.shape, generator=rng).to(posterior.mean)
    again = generator(posterior.sample(noise), text)
    recovered = latent_encoder(painted.detach(), text).mean
    return {
        "reconstruction_loss": reconstruction_loss(again, images),
        "kl_loss": gaussian_kl(*posterior),
        "latent_loss": latent_loss(recovered, latents),
    }
