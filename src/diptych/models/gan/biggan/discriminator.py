"""BigGAN's discriminator (Brock et al. 2019, arXiv:1809.11096, appendix B): residual, with projection of the sentence.

Projection: Miyato & Koyama 2018 (arXiv:1802.05637). The last grid is rectified and summed over its places. There is no
batch normalisation, so no image's score depends on its neighbours. One deviation: the sentence vector is standardised
and brought to length 1, the scale of an embedded class.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.gan.biggan.attention import SelfAttention, check_attention
from diptych.models.gan.biggan.initialization import initialize_orthogonally
from diptych.models.gan.grids import SMALLEST_GRID, widths_by_grid
from diptych.models.gan.spectral import normalize_spectrally
from diptych.types import Images, Logits, TextFeatures

Features = Float[Tensor, "batch features"]
Planes = Float[Tensor, "batch channels rows columns"]
NewPlanes = Float[Tensor, "batch new_channels new_rows new_columns"]


class BigGANDiscriminator(nn.Module):
    """Logit = w . f(x) + <V f(x), sentence>; `widths` are the channels at 4, 8, 16, ... pixels up to half the image.

    One block for each of these grids halves the image, and one more stays on the smallest. `attention_size` is the
    side of the grid with self-attention (None: nowhere).
    """

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int = 0,
        widths: Sequence[int] = (128, 96, 48, 24),
        attention_size: int | None = 16,
        spectral_norm: bool = True,
    ) -> None:
        super().__init__()
        channels = widths_by_grid(image_size, widths, setting="discriminator.widths", smaller=1)
        check_attention(attention_size, channels, setting="discriminator.attention_size")
        layers: list[nn.Module] = []
        ins = image_channels
        for grid, width in reversed(channels.items()):
            layers.append(DownBlock(ins, width, reads_pixels=not layers, halves=True))
            if grid == attention_size:
                layers.append(SelfAttention(width))
            ins = width
        width = channels[SMALLEST_GRID]
        self.blocks = nn.Sequential(*layers, DownBlock(width, width, reads_pixels=False, halves=False))
        self.head = nn.Linear(width, 1)
        self.embedding = nn.Linear(width, condition_dim, bias=False) if condition_dim else None
        initialize_orthogonally(self)
        if spectral_norm:
            normalize_spectrally(self)

    def forward(self, images: Images, text: TextFeatures | None = None) -> Logits:
        return self.score(self.encode(images), text)

    def encode(self, images: Images) -> Features:
        """The image's last grid of features, rectified and summed over its places."""
        return F.relu(self.blocks(images.contiguous(memory_format=torch.channels_last))).sum(dim=(2, 3))

    def score(self, features: Features, text: TextFeatures | None = None) -> Logits:
        """The logit that the image is real and, with a sentence, that the two match."""
        logits = self.head(features).squeeze(1)
        if self.embedding is None:
            return logits
        assert text is not None, "a conditioned discriminator scores pairs"
        sentence = F.layer_norm(text.sentence, text.sentence.shape[1:]) / text.sentence.shape[1] ** 0.5
        return logits + (self.embed(features) * sentence).sum(1)

    def embed(self, features: Features) -> Float[Tensor, "batch condition"]:
        """The image as a vector in the space of sentence vectors."""
        assert self.embedding is not None, "an unconditional discriminator has no embedding"
        return self.embedding(features)


class DownBlock(nn.Module):
    """Two convolutions and a shortcut, averaged over 2x2 places if the block halves.

    The input is rectified first, unless it is pixels.
    """

    def __init__(self, ins: int, outs: int, *, reads_pixels: bool, halves: bool) -> None:
        super().__init__()
        self.reads_pixels, self.halves = reads_pixels, halves
        self.first, self.second = nn.Conv2d(ins, outs, 3, 1, 1), nn.Conv2d(outs, outs, 3, 1, 1)
        self.shortcut = nn.Conv2d(ins, outs, 1) if halves or ins != outs else nn.Identity()

    def forward(self, planes: Planes) -> NewPlanes:
        hidden = self.second(F.relu(self.first(planes if self.reads_pixels else F.relu(planes))))
        if not self.halves:
            return hidden + self.shortcut(planes)
        return F.avg_pool2d(hidden, 2) + self.shortcut(F.avg_pool2d(planes, 2))  # means first: the same, and cheaper
