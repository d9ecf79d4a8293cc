"""A Transformer decoder of captions (Vaswani et al. 2017, arXiv:1706.03762) over an image's regions.

Layers are normalised before, not after (Xiong et al. 2020, arXiv:2002.04745). The pooled image vector is added to every
word, so that all layers know the whole image; the regions are what the words attend to. Their keys and values, of all
layers, are computed once an image and shared by its captions; sinusoids of their rows and columns tell where they are,
without which relations ("above") are learned late or never. In `step` a word attends to the kept keys and values of
those before it.

`attention` is the mean over the heads of the last layer's attention to regions. That layer alone writes its weights
out, in place of the fused attention, because they are few: nothing is computed twice to look at them.
"""

import math
from typing import NamedTuple, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.caption_decoders.interface import DecoderOutput, State, Step, repeat_rows
from diptych.models.waves import sinusoids
from diptych.types import ImageFeatures

Words = Float[Tensor, "rows length dim"]
Past = Float[Tensor, "rows 2 heads past head_dim"]
"""Keys and values of the words before."""
Kept = Float[Tensor, "rows 2 heads past+1 head_dim"]
Seen = Float[Tensor, "images 2 heads regions head_dim"]
"""Keys and values of an image's regions."""


class Memory(NamedTuple):
    """An image's vector, and for each layer the keys and values of its regions."""

    image: Float[Tensor, "images dim"]
    seen: tuple[Seen, ...]


class TransformerDecoder(nn.Module):
    """`num_layers` layers of `num_heads` heads over `dim` numbers a word.

    `max_length` is that of the data: it counts <bos> and <eos>, and a caption may not be longer. Positions begin as
    sinusoids and learn (`learned_positions`), or stay so. With `tied_words` the output matrix is that of the
    embeddings. `dropout` acts on embeddings and on what each sublayer adds, not on attention weights.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        max_length: int,
        image_dim: int,
        region_dim: int,
        dim: int = 256,
        num_layers: int = 2,
        num_heads: int = 4,
        feedforward_dim: int = 1024,
        dropout: float = 0.0,
        learned_positions: bool = True,
        tied_words: bool = False,
    ) -> None:
        super().__init__()
        if dim % math.lcm(num_heads, 4):
            raise ValueError(f"caption_decoder.dim={dim} must be a multiple of 4 and of num_heads={num_heads}")
        if num_layers < 1:
            raise ValueError(f"caption_decoder.num_layers={num_layers}: give at least one")
        self.dim, self.num_heads, self.max_length = dim, num_heads, max_length
        self.embedding = nn.Embedding(vocabulary_size, dim)
        nn.init.normal_(self.embedding.weight, std=dim**-0.5)
        self.positions = nn.Parameter(sinusoids(max_length, dim), requires_grad=learned_positions)
        self.image = nn.Linear(image_dim, dim)
        self.regions, self.region_norm = nn.Linear(region_dim, dim), nn.LayerNorm(dim)
        self.to_seen = nn.Linear(dim, num_layers * 2 * dim)
        self.layers = nn.ModuleList(DecoderLayer(dim, num_heads, feedforward_dim, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(dim)
        self.to_logits = nn.Linear(dim, vocabulary_size)
        if tied_words:
            self.to_logits.weight = self.embedding.weight
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: ImageFeatures, tokens: Int[Tensor, "rows length"]) -> DecoderOutput:
        memory = self.encode_memory(features)
        words = self._embedded(tokens, memory, start=0)
        *early, last = self._layers
        for layer, seen in zip(early, memory.seen, strict=False):
            words = layer(words, seen)
        words, attention = last.attending(words, memory.seen[-1])
        return DecoderOutput(self.to_logits(self.norm(words)), attention)

    def encode_memory(self, features: ImageFeatures) -> Memory:
        places = places_in_grid(features.regions.shape[1], self.dim).to(features.regions)
        regions = self.region_norm(self.regions(features.regions) + places)
        of_layers = (
            self.to_seen(regions).unflatten(2, (len(self.layers), 2, self.num_heads, -1)).permute(2, 0, 3, 4, 1, 5)
        )
        return Memory(self.image(features.pooled), tuple(of_layers.contiguous().unbind(0)))

    def initial_state(self, memory: Memory) -> State:
        """Of each layer the keys and values of no words; a state's length says how many words there were."""
        image, head_dim = memory.image, self.dim // self.num_heads
        return tuple(image.new_zeros(image.shape[0], 2, self.num_heads, 0, head_dim) for _ in self.layers)

    def step(self, tokens: Int[Tensor, " rows"], memory: Memory, state: State) -> Step:
        words = self._embedded(tokens.unsqueeze(1), memory, start=state[0].shape[3])
        following = []
        for layer, seen, past in zip(self._layers, memory.seen, state, strict=True):
            words, kept = layer.advance(words, seen, past)
            following.append(kept)
        return self.to_logits(self.norm(words)).squeeze(1), tuple(following)

    @property
    def _layers(self) -> "list[DecoderLayer]":
        return cast("list[DecoderLayer]", list(self.layers))

    def _embedded(self, tokens: Int[Tensor, "rows length"], memory: Memory, *, start: int) -> Words:
        """Words with their positions, the first of which is `start`, and with their image."""
        end = start + tokens.shape[1]
        if end > self.max_length:
            raise ValueError(
                f"a caption of {end:,} tokens (<bos> among them) is longer than the {self.max_length:,} of the data "
                "that the caption_decoder was built for: train with a larger data.max_length, or give shorter captions"
            )
        words = self.embedding(tokens) * math.sqrt(self.dim) + self.positions[start:end]
        return self.dropout(words + repeat_rows(memory.image, tokens.shape[0]).unsqueeze(1))


class DecoderLayer(nn.Module):
    """Each word looks at those before it and at itself, then at the image's regions, then changes by itself."""

    def __init__(self, dim: int, num_heads: int, feedforward_dim: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.self_norm, self.cross_norm, self.change_norm = (nn.LayerNorm(dim) for _ in range(3))
        self.to_self, self.from_self = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.to_cross, self.from_cross = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.change = nn.Sequential(nn.Linear(dim, feedforward_dim), nn.GELU(), nn.Linear(feedforward_dim, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, words: Words, seen: Seen) -> Words:
        """All words of a caption at once."""
        words = self._among_words(words)
        keys, values = seen.unbind(1)
        looked_up = F.scaled_dot_product_attention(self._queries(words, seen.shape[0]), keys, values)
        return self._changed(self._with_regions(words, looked_up))

    def attending(self, words: Words, seen: Seen) -> tuple[Words, Float[Tensor, "rows length regions"]]:
        """As `forward`, and the mean of the heads' attention to the regions."""
        words = self._among_words(words)
        keys, values = seen.unbind(1)
        queries = self._queries(words, seen.shape[0])
        weights = (queries @ keys.transpose(2, 3) * queries.shape[-1] ** -0.5).softmax(dim=-1)
        changed = self._changed(self._with_regions(words, weights @ values))
        return changed, weights.mean(dim=1).reshape(*words.shape[:2], -1)

    def advance(self, words: Float[Tensor, "rows 1 dim"], seen: Seen, past: Past) -> tuple[Words, Kept]:
        """One word, after those whose keys and values are `past`; also those of all, this one among them."""
        queries, keys_values = self._of_words(words)
        kept = torch.cat([past, keys_values], dim=3)
        looked_up = F.scaled_dot_product_attention(queries, kept[:, 0], kept[:, 1])
        words = words + self.dropout(self.from_self(_joined(looked_up)))
        keys, values = seen.unbind(1)
        looked_up = F.scaled_dot_product_attention(self._queries(words, seen.shape[0]), keys, values)
        return self._changed(self._with_regions(words, looked_up)), kept

    def _among_words(self, words: Words) -> Words:
        queries, keys_values = self._of_words(words)
        keys, values = keys_values.unbind(1)
        looked_up = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        return words + self.dropout(self.from_self(_joined(looked_up)))

    def _of_words(self, words: Words) -> tuple[Tensor, Float[Tensor, "rows 2 heads length head_dim"]]:
        """The words' queries, and their keys and values."""
        heads = self.to_self(self.self_norm(words)).unflatten(2, (3, self.num_heads, -1)).permute(0, 2, 3, 1, 4)
        return heads[:, 0], heads[:, 1:]

    def _queries(self, words: Words, images: int) -> Float[Tensor, "images heads queries head_dim"]:
        """The queries to an image's regions of all its captions' words, side by side."""
        queries = self.to_cross(self.cross_norm(words)).view(images, -1, words.shape[-1])
        return queries.unflatten(2, (self.num_heads, -1)).transpose(1, 2)

    def _with_regions(self, words: Words, looked_up: Float[Tensor, "images heads queries head_dim"]) -> Words:
        return words + self.dropout(self.from_cross(_joined(looked_up).view(words.shape)))

    def _changed(self, words: Words) -> Words:
        return words + self.dropout(self.change(self.change_norm(words)))


def places_in_grid(regions: int, dim: int) -> Float[Tensor, "regions dim"]:
    """Sinusoids of each region's row, then of its column; of its number, where the grid is no square."""
    side = math.isqrt(regions)
    if side**2 != regions:
        return sinusoids(regions, dim)
    along = sinusoids(side, dim // 2)
    return torch.cat([along.repeat_interleave(side, dim=0), along.repeat(side, 1)], dim=1)


def _joined(heads: Float[Tensor, "batch heads length head_dim"]) -> Float[Tensor, "batch length dim"]:
    return heads.transpose(1, 2).flatten(2)
