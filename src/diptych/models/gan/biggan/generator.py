"""BigGAN's generator (Brock et al. 2019, arXiv:1809.11096, appendix B), conditioned on sentences.

The latents are cut into chunks. The first makes the smallest grid; each of the others goes to one block, where it joins
the sentence in the conditional batch normalisations. One embedding of the sentence is shared by all of them. In the
article it embeds a class; here it is a linear map of the sentence vector. Two deviations: the vector is standardised
before and after, so that any text encoder gives it the scale of latents, and the last batch normalisation's statistics
are running averages.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.gan.biggan.attention import SelfAttention, check_attention
from diptych.models.gan.biggan.initialization import initialize_orthogonally
from diptych.models.gan.grids import SMALLEST_GRID, doubled, widths_by_grid
from diptych.models.gan.spectral import normalize_spectrally
from diptych.types import Images, TextFeatures

Planes = Float[Tensor, "batch channels rows columns"]
TwicePlanes = Float[Tensor, "batch new_channels twice_rows twice_columns"]
Condition = Float[Tensor, "batch condition"]


class BigGANGenerator(nn.Module):
    """Latents and a sentence to pixels; `widths` are the channels at 4, 8, 16, ... pixels, as many as the image needs.

    `latent_dim` is cut into one chunk more than there are blocks. `attention_size` is the side of the grid with
    self-attention (None: nowhere). Everything but the shared embedding is spectrally normalised.
    """

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int = 0,
        latent_dim: int = 120,
        widths: Sequence[int] = (128, 96, 48, 24, 12),
        shared_dim: int = 128,
        attention_size: int | None = 16,
        spectral_norm: bool = True,
    ) -> None:
        super().__init__()
        channels = widths_by_grid(image_size, widths, setting="generator.widths")
        check_attention(attention_size, channels, setting="generator.attention_size")
        _check_chunks(latent_dim, len(channels))
        self.image_size, self.image_channels, self.latent_dim = image_size, image_channels, latent_dim
        self.chunk_dim = latent_dim // len(channels)
        self.shared = nn.Linear(condition_dim, shared_dim, bias=False) if condition_dim else None
        condition = self.chunk_dim + (shared_dim if condition_dim else 0)
        self.first = nn.Linear(self.chunk_dim, channels[SMALLEST_GRID] * SMALLEST_GRID**2)
        self.blocks = nn.ModuleList(UpBlock(ins, outs, condition) for ins, outs in pairwise(channels.values()))
        self.attentions = nn.ModuleList(
            SelfAttention(width) if grid == attention_size else nn.Identity()
            for grid, width in channels.items()
            if grid > SMALLEST_GRID
        )
        width = channels[image_size]
        self.to_pixels = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, image_channels, 3, 1, 1))
        initialize_orthogonally(self)
        if spectral_norm:
            for part in (self.first, self.blocks, self.attentions, self.to_pixels):
                normalize_spectrally(part)

    def forward(self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None = None) -> Images:
        first, *others = latents.split(self.chunk_dim, dim=1)
        shared = self._shared(text)
        planes = self.first(first).unflatten(1, (-1, SMALLEST_GRID, SMALLEST_GRID))
        planes = planes.to(memory_format=torch.channels_last)
        for chunk, block, attend in zip(others, self.blocks, self.attentions, strict=True):
            planes = attend(block(planes, chunk if shared is None else torch.cat([chunk, shared], dim=1)))
        return torch.tanh(self.to_pixels(planes))

    def _shared(self, text: TextFeatures | None) -> Condition | None:
        """The sentence as all blocks see it, with mean 0 and variance 1."""
        if self.shared is None:
            return None
        assert text is not None, "a conditioned generator generates from sentences"
        embedded = self.shared(F.layer_norm(text.sentence, text.sentence.shape[1:]))
        return F.layer_norm(embedded, embedded.shape[1:])


class UpBlock(nn.Module):
    """Doubles the size: two convolutions, each after a conditional batch normalisation, with a shortcut."""

    def __init__(self, ins: int, outs: int, condition_dim: int) -> None:
        super().__init__()
        self.first_norm, self.first = ConditionalBatchNorm(ins, condition_dim), nn.Conv2d(ins, outs, 3, 1, 1)
        self.second_norm, self.second = ConditionalBatchNorm(outs, condition_dim), nn.Conv2d(outs, outs, 3, 1, 1)
        self.shortcut = nn.Conv2d(ins, outs, 1)

    def forward(self, planes: Planes, condition: Condition) -> TwicePlanes:
        hidden = self.first(doubled(F.relu(self.first_norm(planes, condition))))
        hidden = self.second(F.relu(self.second_norm(hidden, condition)))
        return hidden + doubled(self.shortcut(planes))


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation; gain (around 1) and shift (around 0) are linear in the condition, without bias."""

    def __init__(self, channels: int, condition_dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Linear(condition_dim, channels, bias=False)
        self.shift = nn.Linear(condition_dim, channels, bias=False)

    def forward(self, planes: Planes, condition: Condition) -> Planes:
        gain, shift = (linear(condition)[:, :, None, None] for linear in (self.gain, self.shift))
        return torch.addcmul(shift, self.norm(planes), 1 + gain)


def _check_chunks(latent_dim: int, num_chunks: int) -> None:
    if latent_dim % num_chunks:
        raise ValueError(
            f"generator.latent_dim={latent_dim} is cut into {num_chunks} equal chunks, one for the first grid and one "
            f"for each block: set a multiple of {num_chunks}, such as {num_chunks * max(1, latent_dim // num_chunks)}"
        )
