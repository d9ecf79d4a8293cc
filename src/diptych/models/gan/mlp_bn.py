"""The fifth article's GAN: an MLP generator with batch normalisation, a small convolutional discriminator with dropout.

LeakyReLU slopes are 0.3, Keras's default, as in the article's code; batch normalisation has torch's momentum and
epsilon. Keras pads the 5x5 strided convolutions by 1 before and 2 after ("same"), we by 2 on both sides: the grids are
equal (28 -> 14 -> 7). The article's discriminator takes 32x32x3 images and its generator makes 28x28x1; here both have
the data's size. A sentence joins the latents in the generator; in the discriminator it is projected on the picture's
embedding (Miyato & Koyama 2018, arXiv:1802.05637).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diptych.models.gan.spectral import normalize_spectrally
from diptych.types import Images, Logits, TextFeatures

Features = Float[Tensor, "batch features"]
LEAK = 0.3


class NormalizedMLPGenerator(nn.Module):
    """Latents to pixels through `hidden_dims`, each Dense + BatchNorm + LeakyReLU; the first Dense has no bias."""

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
        num_pixels = image_channels * image_size**2
        self.layers = nn.Sequential(
            *(layer for index in range(len(hidden_dims)) for layer in _dense(*dims[index : index + 2], bias=index > 0)),
            nn.Linear(dims[-1], num_pixels),
            nn.Tanh(),
        )

    def forward(self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None = None) -> Images:
        inputs = latents if text is None else torch.cat([latents, text.sentence], dim=1)
        return self.layers(inputs).unflatten(1, (self.image_channels, self.image_size, self.image_size))


class DropoutDiscriminator(nn.Module):
    """Two 5x5 convolutions of stride 2, each LeakyReLU + dropout, then one Dense layer to the logit."""

    def __init__(
        self,
        *,
        image_size: int = 28,
        image_channels: int = 1,
        condition_dim: int = 0,
        widths: tuple[int, int] = (64, 128),
        dropout: float = 0.3,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *_convolution(image_channels, widths[0], dropout), *_convolution(*widths, dropout), nn.Flatten()
        )
        side = (image_size + 3) // 4
        num_features = widths[1] * side**2
        self.head = nn.Linear(num_features, 1)
        self.embedding = nn.Linear(num_features, condition_dim) if condition_dim else None
        if spectral_norm:
            normalize_spectrally(self)

    def forward(self, images: Images, text: TextFeatures | None = None) -> Logits:
        return self.score(self.encode(images), text)

    def encode(self, images: Images) -> Features:
        """The flattened second convolution."""
        return self.encoder(images)

    def score(self, features: Features, text: TextFeatures | None = None) -> Logits:
        """The logit that the picture is real, plus the projection of the sentence on the picture's embedding."""
        logits = self.head(features).squeeze(1)
        return logits if text is None else logits + (self.embed(features) * text.sentence).sum(1)

    def embed(self, features: Features) -> Float[Tensor, "batch condition"]:
        """The picture as a vector in the space of sentence vectors."""
        assert self.embedding is not None, "an unconditional discriminator has no embedding"
        return self.embedding(features)


def _dense(ins: int, outs: int, *, bias: bool) -> list[nn.Module]:
    return [nn.Linear(ins, outs, bias=bias), nn.BatchNorm1d(outs), nn.LeakyReLU(LEAK)]


def _convolution(ins: int, outs: int, dropout: float) -> list[nn.Module]:
    return [nn.Conv2d(ins, outs, 5, 2, 2), nn.LeakyReLU(LEAK), nn.Dropout(dropout)]
