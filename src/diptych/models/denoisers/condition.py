"""What a denoiser is told besides the noisy image: how noisy it is, its sentence, and that there is no sentence."""

import math
from collections.abc import Sequence
from typing import TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.types import TextFeatures

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)
HIGHEST_FREQUENCY = 100.0
"""Radians that the fastest wave turns while a level goes from 0 to 1; faster ones make derivatives by time rough."""


class Waves(nn.Module):
    """Numbers to sines and cosines of `dim` / 2 frequencies, from 1 to HIGHEST_FREQUENCY (Vaswani et al. 2017)."""

    frequencies: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        exponents = torch.linspace(0, math.log(HIGHEST_FREQUENCY), dim // 2)
        self.register_buffer("frequencies", exponents.exp(), persistent=False)

    def forward(self, numbers: Float[Tensor, " batch"]) -> Float[Tensor, "batch dim"]:
        angles = numbers[:, None] * self.frequencies.to(numbers)
        return torch.cat([angles.sin(), angles.cos()], dim=1)


class Condition(nn.Module):
    """Levels and a sentence to one vector of `dim` numbers, the same place for both.

    Sentence vectors are standardised, whatever encoder made them. With `num_levels` above 1, a denoiser is told several
    numbers (a one-step flow: where a step begins and ends).
    """

    def __init__(self, sentence_dim: int, dim: int, num_levels: int = 1) -> None:
        super().__init__()
        if dim % 2:
            raise ValueError(f"denoiser: the condition has {dim} numbers; give an even embedding_dim (of a DiT: dim)")
        self.waves = Waves(dim)
        self.of_levels = nn.ModuleList(nn.Linear(dim, dim) for _ in range(num_levels))
        self.of_sentence = nn.Linear(sentence_dim, dim) if sentence_dim else None
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(dim, dim), nn.SiLU())

    def forward(self, levels: Sequence[Float[Tensor, " batch"]], text: TextFeatures | None) -> Float[Tensor, "batch d"]:
        joined = sum(layer(self.waves(level)) for layer, level in zip(self.of_levels, levels, strict=True))
        if self.of_sentence is not None:
            assert text is not None, "a denoiser with sentences is told one, or the null condition"
            joined = joined + self.of_sentence(F.layer_norm(text.sentence, text.sentence.shape[1:]))
        return self.mix(joined)


class NullCondition(nn.Module):
    """What a denoiser is told where there is no sentence: a learned vector, and one learned word.

    No sentence is encoded so, and padding neither, whose words are masked.
    """

    def __init__(self, sentence_dim: int, word_dim: int) -> None:
        super().__init__()
        self.sentence = nn.Parameter(torch.randn(sentence_dim))
        self.word = nn.Parameter(torch.randn(word_dim))

    def forward(self, number: int) -> TextFeatures:
        """The same for `number` images."""
        words = self.word.expand(number, 1, -1)
        return TextFeatures(self.sentence.expand(number, -1), words, words.new_ones(number, 1, dtype=torch.bool))

    def in_place_of(self, text: TextFeatures, dropped: Bool[Tensor, " batch"]) -> TextFeatures:
        """The sentences, but for those that are dropped."""
        number, length = text.mask.shape
        null = self(number)
        words = F.pad(null.words, (0, 0, 0, length - 1))
        mask = F.pad(null.mask, (0, length - 1))
        return TextFeatures(
            torch.where(dropped[:, None], null.sentence.to(text.sentence), text.sentence),
            torch.where(dropped[:, None, None], words.to(text.words), text.words),
            torch.where(dropped[:, None], mask, text.mask),
        )


class WordAttention(nn.Module):
    """Every place attends to the words (cross-attention); a residual that starts at zero."""

    def __init__(self, dim: int, word_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, dim, bias=False)
        self.key_value = nn.Linear(word_dim, 2 * dim, bias=False)
        self.out = zero_at_first(nn.Linear(dim, dim))

    def forward(self, places: Float[Tensor, "batch places dim"], text: TextFeatures) -> Float[Tensor, "batch places d"]:
        words = F.layer_norm(text.words, text.words.shape[2:])
        queries = _heads(self.query(self.norm(places)), self.num_heads)
        keys, values = (_heads(part, self.num_heads) for part in self.key_value(words).chunk(2, dim=2))
        seen = F.scaled_dot_product_attention(queries, keys, values, attn_mask=text.mask[:, None, None])
        return places + self.out(seen.transpose(1, 2).flatten(2))


class SelfAttention(nn.Module):
    """Every place attends to all places; without normalisation and residual, which differ between denoisers."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, places: Float[Tensor, "batch places dim"]) -> Float[Tensor, "batch places dim"]:
        queries, keys, values = (_heads(part, self.num_heads) for part in self.query_key_value(places).chunk(3, dim=2))
        return self.out(F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2))


def zero_at_first(layer: Layer) -> Layer:
    """The layer with weights and biases of zero, so that what it is added to passes unchanged."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _heads(vectors: Float[Tensor, "batch places dim"], number: int) -> Float[Tensor, "batch heads places part"]:
    return vectors.unflatten(2, (number, -1)).transpose(1, 2)
