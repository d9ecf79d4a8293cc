"""Transformer blocks over a sentence's words and an image's codes, told the whole sentence by adaLN-zero.

Words stand before the codes (a prefix) and see one another; what a code may see is the caller's to say. Gains, shifts
and gates of a block follow from the sentence vector and start at zero, as in a DiT (arXiv:2212.09748).
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.null_condition import NullCondition
from diptych.models.zero_at_first import zero_at_first
from diptych.types import TextFeatures

Tokens = Float[Tensor, "batch tokens dim"]
Seen = Bool[Tensor, "batch 1 queries keys"]


class KeyValues(NamedTuple):
    """What a layer keeps of the tokens so far; room for all that will come."""

    keys: Float[Tensor, "batch heads room part"]
    values: Float[Tensor, "batch heads room part"]


class Block(nn.Module):
    """Attention among tokens and a hidden layer; the sentence sets gains, shifts and gates."""

    def __init__(self, dim: int, num_heads: int, mlp_ratio: float = 4.0) -> None:
        super().__init__()
        hidden = round(dim * mlp_ratio)
        self.num_heads = num_heads
        self.affine = zero_at_first(nn.Linear(dim, 6 * dim))
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(approximate="tanh"), nn.Linear(hidden, dim))

    def forward(
        self,
        tokens: Tokens,
        condition: Float[Tensor, "batch dim"],
        seen: Seen,
        kept: KeyValues | None = None,
        start: int = 0,
    ) -> Tokens:
        """`seen` says which keys each token attends to; with `kept`, tokens from `start` on join those kept before."""
        gain, shift, gate, mlp_gain, mlp_shift, mlp_gate = self.affine(condition)[:, None].chunk(6, dim=2)
        parts = self.query_key_value(_normalized(tokens, gain, shift)).chunk(3, dim=2)
        queries, keys, values = (part.unflatten(2, (self.num_heads, -1)).transpose(1, 2) for part in parts)
        if kept is not None:
            end = start + tokens.shape[1]
            kept.keys[:, :, start:end], kept.values[:, :, start:end] = keys, values
            keys, values = kept.keys[:, :, :end], kept.values[:, :, :end]
        heard = F.scaled_dot_product_attention(queries, keys, values, attn_mask=seen)
        tokens = tokens + gate * self.out(heard.transpose(1, 2).flatten(2))
        return tokens + mlp_gate * self.mlp(_normalized(tokens, mlp_gain, mlp_shift))

    def room(self, number: int, length: int, like: Tensor) -> KeyValues:
        """Room for so many tokens of so many images."""
        shape = (number, self.num_heads, length, like.shape[-1] // self.num_heads)
        return KeyValues(like.new_zeros(shape), like.new_zeros(shape))


class Prefix(nn.Module):
    """A sentence as the blocks are told it: a vector for adaLN, and words to stand before the codes.

    Without sentences the vector is learned, and there are no words.
    """

    def __init__(self, dim: int, condition_dim: int, word_dim: int) -> None:
        super().__init__()
        self.null = NullCondition(condition_dim, word_dim) if condition_dim else None
        self.of_sentence = nn.Linear(condition_dim, dim) if condition_dim else None
        self.of_words = nn.Linear(word_dim, dim) if condition_dim and word_dim else None
        self.alone = nn.Parameter(torch.zeros(dim))
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(dim, dim), nn.SiLU())

    def forward(
        self, text: TextFeatures | None, number: int
    ) -> tuple[Float[Tensor, "batch dim"], Tokens, Bool[Tensor, "batch words"]]:
        """The vector, the words, and which of them are words; for `number` images."""
        vector, words = self.alone.expand(number, -1), self.alone.new_zeros(number, 0, len(self.alone))
        mask = torch.zeros(number, 0, dtype=torch.bool, device=vector.device)
        if self.of_sentence is not None:
            assert text is not None, "a prior with sentences is told one, or the null condition"
            vector = vector + self.of_sentence(F.layer_norm(text.sentence, text.sentence.shape[1:]))
            if self.of_words is not None:
                words, mask = self.of_words(F.layer_norm(text.words, text.words.shape[2:])), text.mask
        return self.mix(vector), words, mask


def _normalized(tokens: Tokens, gain: Tensor, shift: Tensor) -> Tokens:
    return torch.addcmul(shift, F.layer_norm(tokens, tokens.shape[2:]), 1 + gain)
