"""StyleGAN2's discriminator (Karras et al. 2020, arXiv:1912.04958): residual, with filtered halvings.

Sentences enter by projection, as classes do in StyleGAN2-ADA (Karras et al. 2020, arXiv:2006.06676): a mapping of the
sentence is multiplied with the image's features. Here it adds to a logit of the image alone, and the mapping is linear,
so that the image has a vector in the space of sentences.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.gan.grids import SMALLEST_GRID, widths_by_grid
from diptych.models.gan.spectral import normalize_spectrally
from diptych.models.gan.stylegan2.equalized import EqualizedConv2d, EqualizedLinear, leaky, without_equalizing
from diptych.models.gan.stylegan2.filters import Filter
from diptych.models.gan.stylegan2.minibatch_std import MinibatchStd
from diptych.types import Images, Logits, TextFeatures

Features = Float[Tensor, "batch features"]
Planes = Float[Tensor, "batch channels rows columns"]
NewPlanes = Float[Tensor, "batch new_channels new_rows new_columns"]


class StyleGAN2Discriminator(nn.Module):
    """Logit = w . f(x) + <V f(x), sentence> / sqrt(dim); `widths` are the channels at 4, 8, 16, ... pixels.

    `group_size` images are compared with one another before the last convolution (0: none are). Equalised learning
    rates are off where layers are spectrally normalised.
    """

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int = 0,
        widths: Sequence[int] = (128, 96, 48, 24, 12),
        group_size: int = 4,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        channels = widths_by_grid(image_size, widths, setting="discriminator.widths")
        self.from_pixels = EqualizedConv2d(image_channels, channels[image_size], 1)
        self.blocks = nn.Sequential(*(DownBlock(ins, outs) for ins, outs in pairwise(reversed(channels.values()))))
        width = channels[SMALLEST_GRID]
        self.compare = MinibatchStd(group_size) if group_size else None
        self.last = EqualizedConv2d(width + (1 if group_size else 0), width, 3)
        self.summary = EqualizedLinear(width * SMALLEST_GRID**2, width)
        self.head = EqualizedLinear(width, 1)
        self.embedding = EqualizedLinear(width, condition_dim) if condition_dim else None
        if spectral_norm:
            normalize_spectrally(self)
            without_equalizing(self)

    def forward(self, images: Images, text: TextFeatures | None = None) -> Logits:
        return self.score(self.encode(images), text)

    def encode(self, images: Images) -> Features:
        """The image's features, which in a batch tell of its group's variety, too."""
        planes = images.contiguous(memory_format=torch.channels_last)
        planes = self.blocks(leaky(self.from_pixels(planes)))
        planes = planes if self.compare is None else self.compare(planes)
        return leaky(self.summary(leaky(self.last(planes)).flatten(1)))

    def score(self, features: Features, text: TextFeatures | None = None) -> Logits:
        """The logit that the image is real and, with a sentence, that the two match."""
        logits = self.head(features).squeeze(1)
        if self.embedding is None:
            return logits
        assert text is not None, "a conditioned discriminator scores pairs"
        sentence = F.layer_norm(text.sentence, text.sentence.shape[1:])
        return logits + (self.embed(features) * sentence).sum(1) / sqrt(sentence.shape[1])

    def embed(self, features: Features) -> Float[Tensor, "batch condition"]:
        """The image as a vector in the space of sentence vectors."""
        assert self.embedding is not None, "an unconditional discriminator has no embedding"
        return self.embedding(features)


class DownBlock(nn.Module):
    """Halves the size: two convolutions and a shortcut, whose sum keeps their mean square."""

    def __init__(self, ins: int, outs: int) -> None:
        super().__init__()
        self.filter = Filter()
        self.first = EqualizedConv2d(ins, ins, 3)
        self.second = EqualizedConv2d(ins, outs, 3, stride=2)
        self.shortcut = EqualizedConv2d(ins, outs, 1, bias=False)

    def forward(self, planes: Planes) -> NewPlanes:
        hidden = leaky(self.first(planes))
        hidden = leaky(self.second(self.filter.smoothed(hidden, padding=2)))
        return (hidden + self.shortcut(self.filter.halved(planes))) / sqrt(2)
