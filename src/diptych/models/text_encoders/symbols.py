"""The oracle among text encoders: it is given what a sentence says as symbols, and has no words to learn.

What a generator with it cannot do is not for want of reading. The symbols come from outside: models know no world.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diptych.models.text_encoders.interface import TextEncoder
from diptych.types import Sentences, TextFeatures


@runtime_checkable
class Symbols(Protocol):
    """Reads sentences: a row of symbols for each fact that a sentence may state, 1 where a symbol is said."""

    num_facts: int
    num_symbols: int

    def __call__(self, texts: Sequence[str]) -> Float[Tensor, "sentences facts symbols"]:
        """What the sentences say; a fact that is not stated has no symbol."""
        ...


class SymbolTextEncoder(TextEncoder):
    """A small perceptron of all symbols together; the words are linear maps of those of each fact.

    Its hidden layer tells what belongs together, which no sum over symbols does.
    A word of a fact that the sentence does not state is masked. It reads texts, but `reads_texts` is not set: words
    that the data do not have are unknown to it, and `diptych generate` says so.
    """

    knows_objects: ClassVar[bool] = True

    def __init__(
        self,
        *,
        symbols: Symbols,
        word_dim: int = 128,
        sentence_dim: int = 256,
        hidden_dim: int = 512,
        whitening_floor: float | None = None,
    ) -> None:
        super().__init__(word_dim=word_dim, sentence_dim=sentence_dim, whitening_floor=whitening_floor)
        self.symbols = symbols
        num_numbers = symbols.num_facts * symbols.num_symbols
        self.sentence = nn.Sequential(
            nn.Linear(num_numbers, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, sentence_dim)
        )
        self.word = nn.Linear(symbols.num_symbols, word_dim)
        self.place = nn.Parameter(torch.randn(symbols.num_facts, word_dim) / symbols.num_symbols**0.5)

    def read(self, sentences: Sentences) -> TextFeatures:
        said = self.symbols(sentences.texts).to(self.place)
        mask = said.any(2)
        words = (self.word(said) + self.place) * mask[..., None]
        return TextFeatures(self.sentence(said.flatten(1)), words, mask)
