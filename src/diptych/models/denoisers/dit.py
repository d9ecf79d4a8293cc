"""A diffusion transformer (DiT, Peebles & Xie 2023, arXiv:2212.09748), with attention to words (PixArt, 2310.00426).

Patches of the noisy image are tokens. Gains, shifts and gates of every block follow from the condition and start at
zero (adaLN-zero), so that new blocks pass their tokens unchanged, and a new network says zero.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.denoisers.condition import Condition, SelfAttention, WordAttention
from diptych.models.null_condition import NullCondition
from diptych.models.zero_at_first import zero_at_first
from diptych.types import Images, TextFeatures

Patches = Float[Tensor, "batch places dim"]


class DiT(nn.Module):
    """`depth` blocks of `dim` channels on patches of `patch_size` pixels."""

    def __init__(
        self,
        *,
        sample_size: int = 32,
        sample_channels: int = 3,
        condition_dim: int = 0,
        word_dim: int = 0,
        patch_size: int = 4,
        dim: int = 128,
        depth: int = 6,
        num_heads: int = 4,
        mlp_ratio: float = 4.0,
        num_levels: int = 1,
    ) -> None:
        super().__init__()
        if sample_size % patch_size or dim % num_heads:
            raise ValueError(
                f"denoiser.patch_size={patch_size} must divide the images' {sample_size} px, and "
                f"denoiser.num_heads={num_heads} must divide denoiser.dim={dim}"
            )
        self.patch_size, numbers = patch_size, sample_channels * patch_size**2
        self.num_levels = num_levels
        self.condition = Condition(condition_dim, dim, num_levels)
        self.null = NullCondition(condition_dim, word_dim) if condition_dim else None
        self.first = nn.Linear(numbers, dim)
        self.positions = nn.Parameter(0.02 * torch.randn((sample_size // patch_size) ** 2, dim))
        self.blocks = nn.ModuleList(Block(dim, num_heads, word_dim, mlp_ratio) for _ in range(depth))
        self.hidden_dim, self.hidden_side = dim, sample_size // patch_size
        self.last_affine, self.last = zero_at_first(nn.Linear(dim, 2 * dim)), zero_at_first(nn.Linear(dim, numbers))

    @property
    def hidden(self) -> nn.Module:
        """What gives places of `hidden_dim` channels after a third of the blocks, where REPA is best."""
        return self.blocks[(len(self.blocks) - 1) // 3]

    def forward(
        self, noisy: Images, levels: Sequence[Float[Tensor, " batch"]], text: TextFeatures | None = None
    ) -> Images:
        condition = self.condition(levels, text)
        grid = F.pixel_unshuffle(noisy, self.patch_size)
        places = self.first(grid.flatten(2).transpose(1, 2)) + self.positions
        for block in self.blocks:
            places = block(places, condition, text)
        gain, shift = self.last_affine(condition)[:, None].chunk(2, dim=2)
        numbers = self.last(_normalized(places, gain, shift))
        return F.pixel_shuffle(numbers.transpose(1, 2).unflatten(2, grid.shape[2:]), self.patch_size)


class Block(nn.Module):
    """Attention among places, to the words, and a hidden layer; the condition sets gains, shifts and gates."""

    def __init__(self, dim: int, num_heads: int, word_dim: int, mlp_ratio: float) -> None:
        super().__init__()
        hidden = round(dim * mlp_ratio)
        self.affine = zero_at_first(nn.Linear(dim, 6 * dim))
        self.attention = SelfAttention(dim, num_heads)
        self.to_words = WordAttention(dim, word_dim, num_heads) if word_dim else None
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(approximate="tanh"), nn.Linear(hidden, dim))

    def forward(self, places: Patches, condition: Float[Tensor, "batch dim"], text: TextFeatures | None) -> Patches:
        gain, shift, gate, mlp_gain, mlp_shift, mlp_gate = self.affine(condition)[:, None].chunk(6, dim=2)
        places = places + gate * self.attention(_normalized(places, gain, shift))
        if self.to_words is not None:
            assert text is not None, "a denoiser with words is told some, or the null condition"
            places = self.to_words(places, text)
        return places + mlp_gate * self.mlp(_normalized(places, mlp_gain, mlp_shift))


def _normalized(places: Patches, gain: Tensor, shift: Tensor) -> Patches:
    return torch.addcmul(shift, F.layer_norm(places, places.shape[2:]), 1 + gain)
