"""WGAN-GP's residual networks for CIFAR-10 (Gulrajani et al. 2017, arXiv:1704.00028), also at other sizes.

At 32x32 with three channels, width 128 and no condition these are the networks of the article's code, layer for layer
(generator 1,204,483 parameters, critic 1,053,825). An image of `base * 2**n` pixels, base 4 or 7, takes n doublings,
and the critic halves it down to 8 or 7 pixels before its two plain blocks. Fused layers (`resampling.py`) compute the
same as the article's upsampling before a block's first convolution and mean pool after its second one.

A sentence determines the gain and shift of the normalisations inside the generator's blocks, as the label does in the
article's code; the latents enter at the first layer alone. The code's critic guesses the label (AC-GAN), which a
sentence does not have; ours has a projection instead (Miyato & Koyama 2018, arXiv:1802.05637): a critic that mixed the
sentence into its features would need normalisation to listen to it (so the code warns), and batch normalisation is
what the penalty of each image's own gradient forbids.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.condition import Condition
from diptych.models.gan.dcgan import base_and_halvings
from diptych.models.gan.grids import doubled
from diptych.models.gan.resampling import DoubledConv2d, PooledConv2d
from diptych.models.gan.residual import ConditionalNorm
from diptych.models.gan.spectral import normalize_spectrally
from diptych.types import Images, Logits, TextFeatures

LARGEST_PLAIN_GRID = 8
"""Pixels at which the critic no longer halves."""

Planes = Float[Tensor, "batch channels rows columns"]
NewPlanes = Float[Tensor, "batch new_channels new_rows new_columns"]
Features = Float[Tensor, "batch features"]
Sentence = Float[Tensor, "batch condition"]


class WGANGPGenerator(nn.Module):
    """Residual blocks of `width` channels that each double the size, with batch normalisation."""

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int = 0,
        condition_width: int = 32,
        latent_dim: int = 128,
        width: int = 128,
    ) -> None:
        super().__init__()
        self.image_size, self.image_channels, self.latent_dim = image_size, image_channels, latent_dim
        base, num_doublings = base_and_halvings(image_size)
        self.grid = (width, base, base)
        self.condition = Condition(condition_dim, condition_width) if condition_dim else None
        self.first = nn.Linear(latent_dim, width * base**2)
        norms = condition_width if condition_dim else 0
        self.blocks = nn.ModuleList(DoublingBlock(width, norms) for _ in range(num_doublings))
        last = nn.Conv2d(width, image_channels, 3, 1, 1)
        self.to_pixels = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), last, nn.Tanh())
        _initialize(self.first, last)

    def forward(self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None = None) -> Images:
        condition = None
        if self.condition is not None:
            assert text is not None, "a conditioned generator needs sentences"
            condition = self.condition(text.sentence)
        planes = self.first(latents).unflatten(1, self.grid)
        for block in self.blocks:
            planes = block(planes, condition)
        return self.to_pixels(planes)


class WGANGPCritic(nn.Module):
    """Residual blocks without normalisation, a mean over the last grid, and one score.

    Score = w . f(x) and, with a sentence, + <V f(x), sentence> / sqrt(condition_dim), the sentence standardised.
    `spectral_norm` bounds every layer's slope by one besides.
    """

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int = 0,
        width: int = 128,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        num_halvings = _halvings_to_plain_grid(image_size)
        self.blocks = nn.Sequential(
            HalvingBlock(image_channels, width, reads_pixels=True),
            *(HalvingBlock(width, width) for _ in range(num_halvings - 1)),
            PlainBlock(width),
            PlainBlock(width),
        )
        self.head = nn.Linear(width, 1)
        self.embedding = nn.Linear(width, condition_dim) if condition_dim else None
        _initialize(self.head, *([self.embedding] if self.embedding else []))
        if spectral_norm:
            normalize_spectrally(self)

    def forward(self, images: Images, text: TextFeatures | None = None) -> Logits:
        return self.score(self.encode(images), text)

    def encode(self, images: Images) -> Features:
        """The mean of the picture's last grid of features."""
        return F.relu(self.blocks(images)).mean(dim=(2, 3))

    def score(self, features: Features, text: TextFeatures | None = None) -> Logits:
        """How real the picture is and, with a sentence, how well the two match."""
        scores = self.head(features).squeeze(1)
        if self.embedding is None:
            return scores
        assert text is not None, "a conditioned critic scores pairs"
        sentence = F.layer_norm(text.sentence, text.sentence.shape[1:])
        return scores + (self.embed(features) * sentence).sum(1) / sentence.shape[1] ** 0.5

    def embed(self, features: Features) -> Sentence:
        """The picture as a vector in the space of sentence vectors."""
        assert self.embedding is not None, "an unconditional critic has no embedding"
        return self.embedding(features)


class DoublingBlock(nn.Module):
    """Normalise, rectify, double, convolve; normalise, rectify, convolve; plus a shortcut that doubles."""

    def __init__(self, width: int, condition_dim: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(
            ConditionalNorm(width, condition_dim) if condition_dim else nn.BatchNorm2d(width) for _ in range(2)
        )
        self.first, self.second = DoubledConv2d(width, width), nn.Conv2d(width, width, 3, 1, 1)
        self.shortcut = nn.Conv2d(width, width, 1)
        _initialize(self.shortcut, rectified=(self.first, self.second))

    def forward(self, planes: Planes, condition: Sentence | None) -> NewPlanes:
        given = () if condition is None else (condition,)
        first_norm, second_norm = self.norms
        hidden = self.first(F.relu(first_norm(planes, *given)))
        hidden = self.second(F.relu(second_norm(hidden, *given)))
        return hidden + doubled(self.shortcut(planes))


class HalvingBlock(nn.Module):
    """Rectify, convolve; rectify, convolve, pool; plus a shortcut that pools. Pixels are not rectified first."""

    def __init__(self, ins: int, outs: int, *, reads_pixels: bool = False) -> None:
        super().__init__()
        self.reads_pixels = reads_pixels
        self.first = nn.Conv2d(ins, outs if reads_pixels else ins, 3, 1, 1)
        self.second = PooledConv2d(self.first.out_channels, outs)
        self.shortcut = nn.Conv2d(ins, outs, 1)
        _initialize(self.shortcut, rectified=(self.first, self.second))

    def forward(self, planes: Planes) -> NewPlanes:
        hidden = self.first(planes if self.reads_pixels else F.relu(planes))
        return self.second(F.relu(hidden)) + self.shortcut(F.avg_pool2d(planes, 2))


class PlainBlock(nn.Module):
    """Two rectified convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, 1, 1), nn.Conv2d(width, width, 3, 1, 1)
        _initialize(rectified=(self.first, self.second))

    def forward(self, planes: Planes) -> Planes:
        return planes + self.second(F.relu(self.first(F.relu(planes))))


def _halvings_to_plain_grid(image_size: int) -> int:
    """2 from 28 or 32 pixels, 3 from 64; at least one, for the block that reads pixels."""
    base, num_halvings = base_and_halvings(image_size)
    return max(1, num_halvings if 2 * base > LARGEST_PLAIN_GRID else num_halvings - 1)


@torch.no_grad()
def _initialize(*layers: nn.Module, rectified: tuple[nn.Module, ...] = ()) -> None:
    """Uniform weights with the variance of Glorot & Bengio 2010, doubled behind a rectifier; biases zero."""
    for layer in (*layers, *rectified):
        assert isinstance(layer, nn.Linear | nn.Conv2d)
        nn.init.xavier_uniform_(layer.weight, gain=2**0.5 if layer in rectified else 1.0)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
