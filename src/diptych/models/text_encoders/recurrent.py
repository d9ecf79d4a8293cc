"""Recurrent sentence encoders, trained along with the generator that reads them.

The recurrent layer runs in both directions, each from one end of the sentence to the other, so that padding changes
nothing. Its states are the word vectors. Siblings differ in the layer and in how one sentence vector is made of many
words.
"""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diptych.models.text_encoders.both_directions import BothDirections, Recurrent, Words
from diptych.models.text_encoders.interface import TextEncoder
from diptych.types import PAD_ID, Sentences, TextFeatures, TokenMask, Tokens


class RecurrentTextEncoder(TextEncoder):
    """The sentence vector is a linear map of each direction's last state; subclasses name the layer.

    Half of `word_dim` belongs to each direction.
    """

    layer: ClassVar[Recurrent]

    def __init__(
        self,
        *,
        vocabulary_size: int,
        embedding_dim: int = 64,
        word_dim: int = 128,
        sentence_dim: int = 256,
        whitening_floor: float | None = None,
    ) -> None:
        super().__init__(word_dim=word_dim, sentence_dim=sentence_dim, whitening_floor=whitening_floor)
        if word_dim % 2:
            raise ValueError(f"text_encoder.word_dim={word_dim} must be even: half of it is for each direction")
        self.embedding = nn.Embedding(vocabulary_size, embedding_dim, padding_idx=PAD_ID)
        self.recurrent = BothDirections(self.layer, embedding_dim, word_dim // 2)
        self.sentence = nn.Linear(word_dim, sentence_dim)

    def read(self, sentences: Sentences) -> TextFeatures:
        words = self._states(sentences.tokens, sentences.mask)
        forwards, backwards = words.chunk(2, dim=2)
        ends = sentences.mask.sum(1).clamp(min=1) - 1
        rows = torch.arange(words.shape[0], device=words.device)  # `len` would be a constant in an exported program
        last = torch.cat([forwards[rows, ends], backwards[:, 0]], dim=1)
        return TextFeatures(self.sentence(last), words, sentences.mask)

    def _states(self, tokens: Tokens, token_mask: TokenMask) -> Words:
        """One state a word, zero on padding."""
        return self.recurrent(self.embedding(tokens), token_mask.sum(1).clamp(min=1))


class RNNTextEncoder(RecurrentTextEncoder):
    """Vanilla recurrent net, h_t = tanh(W x_t + U h_{t-1} + b)."""

    layer = nn.RNN


class GRUTextEncoder(RecurrentTextEncoder):
    """Gated recurrent unit (Cho et al. 2014, arXiv:1406.1078), as in GAN-INT-CLS's successors."""

    layer = nn.GRU


class LSTMTextEncoder(RecurrentTextEncoder):
    """Bidirectional LSTM, the encoder of AttnGAN (Xu et al. 2018, arXiv:1711.10485)."""

    layer = nn.LSTM


class PooledGRUTextEncoder(RecurrentTextEncoder):
    """A GRU whose words are pooled by learned queries, each of which may look at a word of its own.

    The last state has to carry every attribute of every object past all later words; a query can fetch it where it
    stands, with its neighbours already bound to it. That makes "which colour belongs to which shape" quick to learn.
    """

    layer = nn.GRU

    def __init__(
        self,
        *,
        vocabulary_size: int,
        embedding_dim: int = 64,
        word_dim: int = 128,
        sentence_dim: int = 256,
        num_queries: int = 4,
        query_std: float = 0.3,
        sharpness: float = 4.0,
        whitening_floor: float | None = None,
    ) -> None:
        super().__init__(
            vocabulary_size=vocabulary_size,
            embedding_dim=embedding_dim,
            word_dim=word_dim,
            sentence_dim=sentence_dim,
            whitening_floor=whitening_floor,
        )
        self.queries = nn.Parameter(query_std * torch.randn(num_queries, self.word_dim))
        self.key = nn.Linear(self.word_dim, self.word_dim)
        self.sentence = nn.Linear(num_queries * self.word_dim, self.sentence_dim)
        self.scale = sharpness / self.word_dim**0.5

    def read(self, sentences: Sentences) -> TextFeatures:
        words = self._states(sentences.tokens, sentences.mask)
        pooled = self.attention(words, sentences.mask) @ words
        vectors = self.sentence(pooled.flatten(1))
        return TextFeatures(vectors, words, sentences.mask)

    def attention(self, words: Words, token_mask: TokenMask) -> Float[Tensor, "batch queries length"]:
        """How each query looks at the words of each sentence; rows sum to one, padding is never looked at."""
        similarities = self.scale * self.queries @ self.key(words).transpose(1, 2)
        return similarities.masked_fill(~token_mask[:, None], torch.finfo(similarities.dtype).min).softmax(dim=2)
