"""AttnGAN's generator: an image a stage, attention to words between them (Xu et al. 2018, arXiv:1711.10485).

The first stage turns latents and a sentence into a small image. Each later stage lets every place of the grid before
it attend to the words, mixes what it found in by residual blocks, and doubles the size. A sentence is read by
conditioning augmentation (StackGAN, Zhang et al. 2017, arXiv:1612.03242): it gives the mean and the variance of the
numbers that the first stage sees, and the term `conditioning_augmentation` keeps them near a standard normal
distribution. What is drawn for them is the last part of the latents, so an image depends on latents and sentence alone.

With the constructor's defaults, at 256x256x3 with words and sentences of 256 numbers, this is the network of the
authors' code (7,084,592 parameters). Unlike there, sentence vectors are standardised: they are learned along here, and
have no scale of their own.
"""

from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.gan.grids import SMALLEST_GRID, num_doublings
from diptych.models.latent_encoders import Posterior
from diptych.types import Images, TextFeatures

Planes = Float[Tensor, "batch channels rows columns"]
NewPlanes = Float[Tensor, "batch new_channels new_rows new_columns"]
Words = Float[Tensor, "batch length word_dim"]
Context = Float[Tensor, "batch channels rows columns"]


class Conditioning(Posterior):
    """The normal distribution of the numbers that stand for a sentence."""


class AttnGANGenerator(nn.Module):
    """Latents and a sentence with its words to images of `num_stages` sizes, each twice the one before.

    Of the `noise_dim + condition_width` latents the last ones are drawn for the conditioning augmentation, which has
    `condition_width` numbers. `width` is the channels of every stage's grid.
    """

    needs = ("text",)

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int,
        word_dim: int,
        noise_dim: int = 100,
        condition_width: int = 100,
        width: int = 32,
        num_stages: int = 3,
        num_residual_blocks: int = 2,
    ) -> None:
        super().__init__()
        sizes = sizes_of_stages(image_size, num_stages)
        self.image_size, self.image_channels = image_size, image_channels
        self.noise_dim, self.latent_dim = noise_dim, noise_dim + condition_width
        self.augmentation = nn.Linear(condition_dim, 4 * condition_width)
        self.first = FirstStage(self.latent_dim, width, sizes[0])
        self.later = nn.ModuleList(LaterStage(width, word_dim, num_residual_blocks) for _ in sizes[1:])
        self.to_pixels = nn.ModuleList(nn.Conv2d(width, image_channels, 3, 1, 1, bias=False) for _ in sizes)

    def forward(self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None = None) -> Images:
        return self.stages(latents, text)[-1]

    def stages(self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None = None) -> list[Images]:
        """The image of each stage, from small to large; the last one is the image."""
        assert text is not None, "AttnGAN generates from sentences"
        noise, augmenting = latents.split([self.noise_dim, self.latent_dim - self.noise_dim], dim=1)
        grids = [self.first(torch.cat([self.conditioning(text).sample(augmenting), noise], dim=1))]
        for stage in self.later:
            grids.append(stage(grids[-1], text.words, text.mask))
        return [to_pixels(grid).tanh() for to_pixels, grid in zip(self.to_pixels, grids, strict=True)]

    def conditioning(self, text: TextFeatures) -> Conditioning:
        """What the sentence says of the numbers that the first stage sees."""
        sentence = F.layer_norm(text.sentence, text.sentence.shape[1:])
        return Conditioning(*F.glu(self.augmentation(sentence), dim=1).chunk(2, dim=1))


class FirstStage(nn.Module):
    """Numbers to a grid of `size` cells a side, doubled from 4x4."""

    def __init__(self, inputs: int, width: int, size: int) -> None:
        super().__init__()
        widths = [width * 2**level for level in reversed(range(num_doublings(size, "AttnGAN") + 1))]
        cells = widths[0] * SMALLEST_GRID**2
        self.grid = nn.Sequential(nn.Linear(inputs, 2 * cells, bias=False), FirstNorm(2 * cells), nn.GLU(dim=1))
        self.doublings = nn.Sequential(*(_doubling(ins, outs) for ins, outs in pairwise(widths)))

    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Planes:
        planes = self.grid(inputs).unflatten(1, (-1, SMALLEST_GRID, SMALLEST_GRID))
        return self.doublings(planes.contiguous(memory_format=torch.channels_last))


class FirstNorm(nn.BatchNorm1d):
    """Batch normalisation; a batch of one, which has no variance, is normalised by what came before it."""

    def forward(self, input: Float[Tensor, "batch numbers"]) -> Float[Tensor, "batch numbers"]:
        if len(input) > 1:
            return super().forward(input)
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class LaterStage(nn.Module):
    """The grid before, with what each of its places reads in the words, at twice the size."""

    def __init__(self, width: int, word_dim: int, num_residual_blocks: int) -> None:
        super().__init__()
        self.attention = WordAttention(width, word_dim)
        self.residual = nn.Sequential(*(ResidualBlock(2 * width) for _ in range(num_residual_blocks)))
        self.doubling = _doubling(2 * width, width)

    def forward(self, planes: Planes, words: Words, mask: Bool[Tensor, "batch length"]) -> NewPlanes:
        context = self.attention(planes, words, mask)
        return self.doubling(self.residual(torch.cat([planes, context], dim=1)))


class WordAttention(nn.Module):
    """The article's F^attn (eq. 2): each place of a grid sees the mean of the words, weighted by how they fit it."""

    def __init__(self, channels: int, word_dim: int) -> None:
        super().__init__()
        self.project = nn.Linear(word_dim, channels, bias=False)

    def forward(self, planes: Planes, words: Words, mask: Bool[Tensor, "batch length"]) -> Context:
        projected = self.project(words)
        seen = self.weights(planes, projected, mask) @ projected
        return seen.transpose(1, 2).unflatten(2, planes.shape[2:])

    def weights(
        self, planes: Planes, projected: Float[Tensor, "batch length channels"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch places length"]:
        """How much each place looks at each word; rows sum to one, padding is never looked at."""
        similarities = planes.flatten(2).transpose(1, 2) @ projected.transpose(1, 2)
        return similarities.masked_fill(~mask[:, None], torch.finfo(similarities.dtype).min).softmax(dim=2)


class ResidualBlock(nn.Module):
    """Two convolutions with a shortcut around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_gated(channels, channels),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, planes: Planes) -> Planes:
        return planes + self.layers(planes)


def sizes_of_stages(image_size: int, num_stages: int) -> list[int]:
    """The sides of the images, from small to large."""
    if num_stages < 1 or image_size & (image_size - 1) or image_size < SMALLEST_GRID * 2**num_stages:
        raise ValueError(
            f"image_size={image_size} with num_stages={num_stages}: AttnGAN doubles a 4x4 grid to 8 pixels or more for "
            "its first image and once for each later one; set data.image_size=32, or fewer stages for both networks"
        )
    return [image_size // 2**level for level in reversed(range(num_stages))]


def _doubling(ins: int, outs: int) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=2), *_gated(ins, outs))


def _gated(ins: int, outs: int) -> list[nn.Module]:
    return [nn.Conv2d(ins, 2 * outs, 3, 1, 1, bias=False), nn.BatchNorm2d(2 * outs), nn.GLU(dim=1)]
