"""Sentence encoders that know which words a sentence has, and nothing of their order.

A sentence vector is a linear map of one weight for each word of the vocabulary: the sum of the words' vectors, each
times its weight. Siblings differ in the weights. <bos> and <eos> have vectors, and weigh nothing.
"""

from abc import abstractmethod
from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from diptych.models.text_encoders.interface import TextEncoder
from diptych.types import BOS_ID, EOS_ID, PAD_ID, Sentences, TextFeatures, Tokens, TrainingSentences

MOST_OF_ENDLESS = 2_000
"""So many images' captions stand for those of endless data."""

Weights = Float[Tensor, "batch length"]
Counted = Bool[Tensor, "batch length"]
"""Which tokens are words of the sentence, <unk> among them."""


class WordSumTextEncoder(TextEncoder):
    """The sum of word vectors, each times its weight; subclasses say the weights."""

    def __init__(self, *, vocabulary_size: int, sentence_dim: int = 256, whitening_floor: float | None = None) -> None:
        super().__init__(word_dim=sentence_dim, sentence_dim=sentence_dim, whitening_floor=whitening_floor)
        self.embedding = nn.Embedding(vocabulary_size, sentence_dim, padding_idx=PAD_ID)

    @abstractmethod
    def weights(self, tokens: Tokens, counted: Counted) -> Weights:
        """What each token of a sentence weighs, nothing where it is not counted."""

    def read(self, sentences: Sentences) -> TextFeatures:
        words = self.embedding(sentences.tokens)
        weights = self.weights(sentences.tokens, counted_words(sentences))
        return TextFeatures((weights[..., None] * words).sum(1), words, sentences.mask)


class BagOfWordsTextEncoder(WordSumTextEncoder):
    """Every word counts as often as it is said (Harris 1954, doi:10.1080/00437956.1954.11659520)."""

    def weights(self, tokens: Tokens, counted: Counted) -> Weights:
        return counted.to(self.embedding.weight.dtype)


class TfidfTextEncoder(WordSumTextEncoder):
    """A word counts the more, the fewer training captions have it (Spärck Jones 1972, doi:10.1108/eb026526).

    A word that d of n captions have weighs ln((1 + n) / (1 + d)) + 1 each time it is said; then the weights of the
    sentence's distinct words are brought to length one. These are scikit-learn's definitions. Before it has read the
    training captions, every word is as frequent as any other.
    """

    num_captions: Tensor
    rarity: Tensor

    def __init__(self, *, vocabulary_size: int, sentence_dim: int = 256, whitening_floor: float | None = None) -> None:
        super().__init__(vocabulary_size=vocabulary_size, sentence_dim=sentence_dim, whitening_floor=whitening_floor)
        self.register_buffer("num_captions", torch.zeros((), dtype=torch.int64))
        self.register_buffer("rarity", torch.ones(vocabulary_size))

    def weights(self, tokens: Tokens, counted: Counted) -> Weights:
        rarity = self.rarity[tokens] * counted
        times_said = ((tokens[:, :, None] == tokens[:, None]) & counted[:, None]).sum(2)
        squared_length = (rarity.square() * times_said).sum(1, keepdim=True)  # a word n times: n times n of its squares
        return rarity * squared_length.clamp(min=1).rsqrt()  # at least 1 wherever there are words

    @torch.no_grad()
    def read_training_sentences(self, sentences: TrainingSentences) -> None:
        """Count in how many training captions each word is; a restored encoder knows it already."""
        if self.num_captions > 0:
            return
        num_captions, frequencies = _document_frequencies(sentences(MOST_OF_ENDLESS), len(self.rarity))
        self.num_captions.fill_(num_captions)
        self.rarity.copy_(((1 + num_captions) / (1 + frequencies)).log() + 1)


def counted_words(sentences: Sentences) -> Counted:
    """Which tokens are words: neither padding nor <bos> or <eos>."""
    return sentences.mask & (sentences.tokens != BOS_ID) & (sentences.tokens != EOS_ID)


def _document_frequencies(captions: Iterable[Sentences], vocabulary_size: int) -> tuple[int, Float[Tensor, " words"]]:
    """The number of captions, and how many of them have each word."""
    num_captions, frequencies = 0, torch.zeros(vocabulary_size, dtype=torch.float64)
    for said in captions:
        is_in = torch.zeros(len(said.tokens), vocabulary_size, dtype=torch.bool)
        frequencies += is_in.scatter_(1, said.tokens, counted_words(said)).sum(0)
        num_captions += len(said.tokens)
    return num_captions, frequencies
