"""A convolutional U-Net for small pictures (Ronneberger et al. 2015; as a denoiser Ho et al. 2020, arXiv:2006.11239).

Blocks are residual with group normalisation, whose gains and shifts the condition sets (Dhariwal & Nichol 2021,
arXiv:2105.05233); each starts as the identity. At the smallest sizes places attend to one another and to the words.
With `patch_size=2` four pixels are one place (space to depth), which a processor takes four times as fast.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.denoisers.condition import Condition, SelfAttention, WordAttention
from diptych.models.group_norm import group_norm, num_groups
from diptych.models.null_condition import NullCondition
from diptych.models.zero_at_first import zero_at_first
from diptych.types import Images, TextFeatures

Grid = Float[Tensor, "batch channels rows columns"]


class UNet(nn.Module):
    """`widths` are the channels at full size (of places), half of it, and so on; `num_blocks` blocks at each.

    There is attention at the last `attention_levels` of them, with heads of `head_dim` channels. With `positions`, what
    is learned of each place is added at every size: which of two objects is on the left is then easy to say, where
    convolutions know of places by the borders alone.
    """

    def __init__(
        self,
        *,
        sample_size: int = 32,
        sample_channels: int = 3,
        condition_dim: int = 0,
        word_dim: int = 0,
        widths: Sequence[int] = (64, 96, 128),
        num_blocks: int = 1,
        patch_size: int = 2,
        attention_levels: int = 2,
        head_dim: int = 32,
        embedding_dim: int = 192,
        positions: bool = False,
        num_levels: int = 1,
    ) -> None:
        super().__init__()
        _check(sample_size, patch_size, widths)
        _check_attention(widths, attention_levels, head_dim)
        self.patch_size = patch_size
        self.num_levels = num_levels
        self.condition = Condition(condition_dim, embedding_dim, num_levels)
        self.null = NullCondition(condition_dim, word_dim) if condition_dim else None
        words_at = [word_dim if len(widths) - level <= attention_levels else None for level in range(len(widths))]
        block = lambda ins, outs, level: Block(ins, outs, embedding_dim, words_at[level], head_dim)  # noqa: E731
        self.first = nn.Conv2d(sample_channels * patch_size**2, widths[0], 3, 1, 1)
        self.down, self.up, self.halvings, self.doublings = (nn.ModuleList() for _ in range(4))
        for level, width in enumerate(widths):
            self.down.append(nn.ModuleList(block(width, width, level) for _ in range(num_blocks)))
            joined = [2 * width, *[width] * (num_blocks - 1)]
            self.up.append(nn.ModuleList(block(ins, width, level) for ins in joined))
        for width, wider in pairwise(widths):
            self.halvings.append(nn.Conv2d(width, wider, 3, 2, 1))
            self.doublings.append(nn.Conv2d(wider, width, 3, 1, 1))
        side = sample_size // patch_size
        shapes = [(width, side // 2**level, side // 2**level) for level, width in enumerate(widths)]
        self.positions = nn.ParameterList(0.02 * torch.randn(shape) for shape in shapes) if positions else None
        self.middle = block(widths[-1], widths[-1], -1)
        self.hidden_dim, self.hidden_side = widths[-1], sample_size // patch_size // 2 ** (len(widths) - 1)
        to_pixels = zero_at_first(nn.Conv2d(widths[0], self.first.in_channels, 3, 1, 1))
        self.last = nn.Sequential(group_norm(widths[0]), nn.SiLU(), to_pixels)

    @property
    def hidden(self) -> nn.Module:
        """What gives a grid of `hidden_dim` channels half-way, at the smallest size."""
        return self.middle

    def forward(
        self, noisy: Images, levels: Sequence[Float[Tensor, " batch"]], text: TextFeatures | None = None
    ) -> Images:
        condition = self.condition(levels, text)
        grid = self.first(F.pixel_unshuffle(noisy, self.patch_size)).to(memory_format=torch.channels_last)
        skips = []
        for level, blocks in enumerate(self.down):
            if self.positions is not None:
                grid = grid + self.positions[level]
            grid = _through(blocks, grid, condition, text)
            skips.append(grid)
            if level < len(self.halvings):
                grid = self.halvings[level](grid)
        grid = self.middle(grid, condition, text)
        for level in reversed(range(len(self.up))):
            grid = _through(self.up[level], torch.cat([grid, skips[level]], dim=1), condition, text)
            if level:
                grid = self.doublings[level - 1](F.interpolate(grid, scale_factor=2.0, mode="nearest"))
        return F.pixel_shuffle(self.last(grid), self.patch_size)


class Block(nn.Module):
    """Two convolutions with a condition between them, then attention unless `word_dim` is None (0: not to words)."""

    def __init__(self, ins: int, outs: int, embedding_dim: int, word_dim: int | None, head_dim: int) -> None:
        super().__init__()
        self.first = nn.Sequential(group_norm(ins), nn.SiLU(), nn.Conv2d(ins, outs, 3, 1, 1))
        self.norm = group_norm(outs)
        self.affine = nn.Linear(embedding_dim, 2 * outs)
        self.second = zero_at_first(nn.Conv2d(outs, outs, 3, 1, 1))
        self.shortcut = nn.Conv2d(ins, outs, 1) if ins != outs else nn.Identity()
        self.attention = None if word_dim is None else Attention(outs, word_dim, max(1, outs // head_dim))

    def forward(
        self, grid: Grid, condition: Float[Tensor, "batch embedding"], text: TextFeatures | None
    ) -> Float[Tensor, "batch new_channels rows columns"]:
        gain, shift = self.affine(condition)[:, :, None, None].chunk(2, dim=1)
        hidden = torch.addcmul(shift, self.norm(self.first(grid)), 1 + gain)
        grid = self.shortcut(grid) + self.second(F.silu(hidden))
        return grid if self.attention is None else self.attention(grid, text)


class Attention(nn.Module):
    """Places of a grid attend to one another, then to the words; both are residuals that start at zero."""

    def __init__(self, channels: int, word_dim: int, num_heads: int) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.among_places = SelfAttention(channels, num_heads)
        zero_at_first(self.among_places.out)
        self.to_words = WordAttention(channels, word_dim, num_heads) if word_dim else None

    def forward(self, grid: Grid, text: TextFeatures | None) -> Grid:
        places = grid.flatten(2).transpose(1, 2)
        places = places + self.among_places(self.norm(grid).flatten(2).transpose(1, 2))
        if self.to_words is not None:
            assert text is not None, "a denoiser with words is told some, or the null condition"
            places = self.to_words(places, text)
        return places.transpose(1, 2).unflatten(2, grid.shape[2:])


def _through(blocks: Any, grid: Tensor, condition: Tensor, text: TextFeatures | None) -> Tensor:
    for block in blocks:
        grid = block(grid, condition, text)
    return grid


def _check_attention(widths: Sequence[int], attention_levels: int, head_dim: int) -> None:
    if not 0 <= attention_levels <= len(widths):
        raise ValueError(f"denoiser.attention_levels={attention_levels}: there are {len(widths)} sizes; give 0 to that")
    for width in widths[len(widths) - attention_levels :]:
        if width % max(1, width // head_dim):
            raise ValueError(
                f"denoiser.head_dim={head_dim}: {width} channels cannot be shared by {width // head_dim} heads; take a "
                f"divisor of {width}"
            )


def _check(sample_size: int, patch_size: int, widths: Sequence[int]) -> None:
    """Refuse images that cannot be halved often enough, and channels that form no groups."""
    factor = patch_size * 2 ** (len(widths) - 1)
    if sample_size % factor:
        raise ValueError(
            f"denoiser.widths={list(widths)} halves places {len(widths) - 1} times, after patches of {patch_size} "
            f"pixels: images of {sample_size} px cannot be divided by {factor}; set data.image_size to a multiple of "
            "it, or give fewer widths (of latents, sides are places: also denoiser.patch_size=1)"
        )
    if odd := [width for width in widths if width % num_groups(width)]:
        raise ValueError(
            f"denoiser.widths={list(widths)}: {odd[0]} cannot be normalised in groups; take a multiple of 8"
        )
