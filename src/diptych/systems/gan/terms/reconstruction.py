"""A generator that also learns by generating real pictures again, in the manner of BicycleGAN (arXiv:1711.11586).

The discriminator says whether a generated image is plausible; here the generator is shown what it should have been. A
latent encoder finds the latents of a real picture, from which the generator has to generate it once more (the VAE
half), and learns on the generator's own pictures, whose latents are known, what latents do (latent regression). Unlike
there, latent regression teaches the encoder alone, errors are squared, and no discriminator looks at pictures generated
again. The latent encoder reads sentences but does not teach their encoder.
"""

from typing import Any

import torch
from torch import Tensor, nn

from diptych.losses.variational import gaussian_kl, latent_loss, reconstruction_loss
from diptych.systems.devices import draw_normal
from diptych.types import Images, TextFeatures


def reconstruct(
    latent_encoder: Any,
    generator: nn.Module,
    images: Images,
    text: TextFeatures | None,
    generated: Images,
    latents: Tensor,
    rng: torch.Generator,
) -> dict[str, Tensor]:
    """Each term by its name, one value a picture; `generated` was generated from `latents`."""
    read = text and TextFeatures(*(part.detach() for part in text))
    posterior = latent_encoder(images, read)
    noise = draw_normal(*posterior.mean.shape, rng=rng).to(posterior.mean)
    again = generator(posterior.sample(noise), text)
    recovered = latent_encoder(generated.detach(), read).mean
    return {
        "reconstruction_loss": reconstruction_loss(again, images),
        "kl_loss": gaussian_kl(*posterior),
        "latent_loss": latent_loss(recovered, latents),
    }
