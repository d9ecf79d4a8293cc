"""DCGAN (Radford et al. 2016, arXiv:1511.06434), also at other sizes and conditioned on sentences.

At 64x64 with three channels and no condition these are the article's networks layer for layer (generator 3,576,704
parameters, discriminator 2,765,568), except that the discriminator's sigmoid is part of the objective. An image of
`base * 2**n` pixels, base 4 or 7, takes n halvings: 28 = 7 * 4, 32 = 4 * 8, 64 = 4 * 16, 128 = 4 * 32.

A sentence is standardised and compressed to `condition_width` numbers (`models/condition.py`). They join the latents in
the generator. In the discriminator they are repeated over the smallest grid and mixed with the picture's features by a
1x1 convolution, as in GAN-INT-CLS (Reed et al. 2016, arXiv:1605.05396).

`initial_std` None keeps torch's initialisation; 0.02 is the article's.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diptych.models.condition import Condition
from diptych.models.gan.grids import joined_in_every_cell
from diptych.models.gan.spectral import normalize_spectrally
from diptych.types import Images, Logits, TextFeatures

Features = Float[Tensor, "batch features rows columns"]


class DCGANGenerator(nn.Module):
    """Transposed convolutions from one latent pixel to the image; `width` is the channels before the last one."""

    def __init__(
        self,
        *,
        image_size: int = 64,
        image_channels: int = 3,
        condition_dim: int = 0,
        condition_width: int = 32,
        latent_dim: int = 100,
        width: int = 64,
        initial_std: float | None = None,
    ) -> None:
        super().__init__()
        self.image_size, self.image_channels, self.latent_dim = image_size, image_channels, latent_dim
        base, num_halvings = base_and_halvings(image_size)
        widths = [width * 2**level for level in reversed(range(num_halvings))]
        self.condition = Condition(condition_dim, condition_width) if condition_dim else None
        inputs = latent_dim + (condition_width if condition_dim else 0)
        self.layers = nn.Sequential(
            *_upsampling(inputs, widths[0], base, 1, 0),
            *(layer for ins, outs in pairwise(widths) for layer in _upsampling(ins, outs, 4, 2, 1)),
            nn.ConvTranspose2d(widths[-1], image_channels, 4, 2, 1, bias=False),
            nn.Tanh(),
        )
        initialize(self, initial_std)

    def forward(self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None = None) -> Images:
        inputs = latents
        if self.condition is not None:
            assert text is not None, "a conditioned generator needs sentences"
            inputs = torch.cat([latents, self.condition(text.sentence)], dim=1)
        return self.layers(inputs[:, :, None, None])


class DCGANDiscriminator(nn.Module):
    """Strided convolutions from the image to one logit; `width` is the channels after the first one.

    `encode` and `score` share the work between several sentences for one picture; `embed` gives the picture's vector
    in the space of sentences.
    """

    def __init__(
        self,
        *,
        image_size: int = 64,
        image_channels: int = 3,
        condition_dim: int = 0,
        condition_width: int = 32,
        width: int = 64,
        initial_std: float | None = None,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        base, num_halvings = base_and_halvings(image_size)
        widths = [width * 2**level for level in range(num_halvings)]
        self.layers = nn.Sequential(
            nn.Conv2d(image_channels, width, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            *(layer for ins, outs in pairwise(widths) for layer in _downsampling(ins, outs)),
        )
        self.condition = Condition(condition_dim, condition_width) if condition_dim else None
        self.mix = _mixing(widths[-1], condition_width) if condition_dim else None
        self.embedding = nn.Linear(widths[-1], condition_dim) if condition_dim else None
        self.head = nn.Conv2d(widths[-1], 1, base, 1, 0, bias=False)
        initialize(self, initial_std)
        if spectral_norm:
            normalize_spectrally(self)

    def forward(self, images: Images, text: TextFeatures | None = None) -> Logits:
        return self.score(self.encode(images), text)

    def encode(self, images: Images) -> Features:
        """The picture's features on the smallest grid."""
        return self.layers(images)

    def score(self, features: Features, text: TextFeatures | None = None) -> Logits:
        """The logit that the picture is real and, with a sentence, that the two match."""
        if self.condition is not None and self.mix is not None:
            assert text is not None, "a conditioned discriminator scores pairs"
            features = self.mix(joined_in_every_cell(features, self.condition(text.sentence)))
        return self.head(features).flatten()

    def embed(self, features: Features) -> Float[Tensor, "batch condition"]:
        """The picture as a vector in the space of sentence vectors."""
        assert self.embedding is not None, "an unconditional discriminator has no embedding"
        return self.embedding(features.mean(dim=(2, 3)))


def base_and_halvings(image_size: int) -> tuple[int, int]:
    """The side of the smallest grid, and the number of halvings from the image to it."""
    for base in (4, 7):
        num_halvings = (image_size // base).bit_length() - 1
        if num_halvings > 0 and image_size == base * 2**num_halvings:
            return base, num_halvings
    raise ValueError(f"image_size={image_size}: this network needs 4 or 7 times a power of two: 28, 32, 64 or 128, say")


def initialize(network: nn.Module, std: float | None) -> None:
    """Weights from N(0, std), normalisation gains from N(1, std), shifts zero; None keeps torch's initialisation."""
    if std is None:
        return
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, std)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, std)
            nn.init.zeros_(module.bias)


def _upsampling(ins: int, outs: int, kernel: int, stride: int, padding: int) -> list[nn.Module]:
    convolution = nn.ConvTranspose2d(ins, outs, kernel, stride, padding, bias=False)
    return [convolution, nn.BatchNorm2d(outs), nn.ReLU(inplace=True)]


def _downsampling(ins: int, outs: int) -> list[nn.Module]:
    convolution = nn.Conv2d(ins, outs, 4, 2, 1, bias=False)
    return [convolution, nn.BatchNorm2d(outs), nn.LeakyReLU(0.2, inplace=True)]


def _mixing(width: int, condition_dim: int) -> nn.Sequential:
    convolution = nn.Conv2d(width + condition_dim, width, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(width), nn.LeakyReLU(0.2, inplace=True))
