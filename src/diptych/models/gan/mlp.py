"""The first article's fully connected GAN: 100 -> 256 -> 512 -> 1024 -> pixels, and pixels -> 512 -> 256 -> 1.

ReLU throughout, as in Goodfellow et al. 2014 (arXiv:1406.2661). Two deviations: the generator's sigmoid is mapped to
[-1, 1], the range of every image here, and the discriminator's sigmoid is part of the objective. A sentence joins the
latents in the generator and the first hidden layer in the discriminator (Mirza & Osindero 2014, arXiv:1411.1784).
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diptych.models.gan.spectral import normalize_spectrally
from diptych.types import Images, Logits, TextFeatures

Features = Float[Tensor, "batch features"]


class MLPGenerator(nn.Module):
    """Latents to pixels through `hidden_dims`."""

    def __init__(
        self,
        *,
        image_size: int = 28,
        image_channels: int = 1,
        condition_dim: int = 0,
        latent_dim: int = 100,
        hidden_dims: tuple[int, ...] = (256, 512, 1024),
    ) -> None:
        super().__init__()
        self.image_size, self.image_channels, self.latent_dim = image_size, image_channels, latent_dim
        dims = (latent_dim + condition_dim, *hidden_dims)
        hidden = [layer for ins, outs in pairwise(dims) for layer in (nn.Linear(ins, outs), nn.ReLU())]
        num_pixels = image_channels * image_size**2
        self.layers = nn.Sequential(*hidden, nn.Linear(dims[-1], num_pixels), nn.Sigmoid())

    def forward(self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None = None) -> Images:
        inputs = latents if text is None else torch.cat([latents, text.sentence], dim=1)
        pixels = 2 * self.layers(inputs) - 1
        return pixels.unflatten(1, (self.image_channels, self.image_size, self.image_size))


class MLPDiscriminator(nn.Module):
    """Pixels to one logit; the sentence comes in after the first of two hidden layers."""

    def __init__(
        self,
        *,
        image_size: int = 28,
        image_channels: int = 1,
        condition_dim: int = 0,
        hidden_dims: tuple[int, int] = (512, 256),
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        first, second = hidden_dims
        num_pixels = image_channels * image_size**2
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(num_pixels, first), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(first + condition_dim, second), nn.ReLU(), nn.Linear(second, 1))
        if spectral_norm:
            normalize_spectrally(self)

    def forward(self, images: Images, text: TextFeatures | None = None) -> Logits:
        return self.score(self.encode(images), text)

    def encode(self, images: Images) -> Features:
        """The first hidden layer."""
        return self.encoder(images)

    def score(self, features: Features, text: TextFeatures | None = None) -> Logits:
        """The logit that the picture is real and, with a sentence, that the two match."""
        inputs = features if text is None else torch.cat([features, text.sentence], dim=1)
        return self.head(inputs).squeeze(1)
