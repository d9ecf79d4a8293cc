"""Byte pairs as tokens, learned from the training captions by the `tokenizers` library, which is an extra.

Sennrich et al. 2016 (arXiv:1508.07909) over the bytes of UTF-8, as GPT-2 (Radford et al. 2019): a frequent word is one
token, a rare one several, and every text of every script can be written. So no word is unknown, and `decode` is the
exact inverse of `encode` on normalised text. A vocabulary has tokens as GPT-2 writes them (Ġ begins a word).
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from typing import Any

from diptych.plain_types import SPECIAL_TOKENS, DataSpec
from diptych.text.tokenizers import Cutter, Pieces, Tokenizer, normalised
from diptych.text.vocabulary import Vocabulary
from diptych.text.words import joins

NUM_BYTES = 256
SPACE = "Ġ"
PARALLEL = "TOKENIZERS_PARALLELISM"


class BPETokenizer(Tokenizer):
    """Byte pairs; `subwords` is the JSON that `BPETokenizer.cutter` learned."""

    kind = "bpe"

    def __init__(self, vocabulary: Vocabulary, max_length: int | None = None, subwords: str = "") -> None:
        super().__init__(vocabulary, max_length)
        self._subwords: Any = _library().Tokenizer.from_str(subwords)
        self._decoder = _library().decoders.ByteLevel()

    @classmethod
    def cutter(cls, texts: Iterable[str], num_tokens: int | None = None) -> Cutter:
        least = len(SPECIAL_TOKENS) + NUM_BYTES
        if num_tokens is None or num_tokens < least:
            raise ValueError(
                f"data.num_tokens={'null' if num_tokens is None else num_tokens}: tokenizer=bpe learns so many tokens, "
                f"{least} for single bytes among them; give more, such as 2_000"
            )
        subwords = _learned(texts, num_tokens - len(SPECIAL_TOKENS))
        vocabulary = subwords.get_vocab()
        ranked = tuple(sorted(vocabulary, key=vocabulary.__getitem__))
        return Cutter(lambda text: subwords.encode(normalised(text)).tokens, ranked, subwords.to_str())

    @classmethod
    def of_spec(cls, spec: DataSpec) -> "BPETokenizer":
        return cls(Vocabulary(spec.vocabulary), spec.max_length, spec.subwords)

    def split(self, text: str) -> list[str]:  # pyright: ignore[reportIncompatibleMethodOverride] — it has learned
        return self._subwords.encode(normalised(text)).tokens

    def join(self, tokens: Sequence[str]) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._decoder.decode(list(tokens))

    @cached_property
    def pieces(self) -> Pieces:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Symbols are bytes as GPT-2 writes them; those of letters beyond ASCII count as letters, each of them."""
        tokens = self.vocabulary.tokens[len(SPECIAL_TOKENS) :]
        letters = {s for token in tokens for s in token if s != SPACE and (s.isalnum() or not s.isascii())}
        return Pieces(("",) * len(SPECIAL_TOKENS) + tokens, frozenset(letters), self._symbols)

    def says(self, tokens: Sequence[str], phrase: str) -> bool:
        """Whether the text has the phrase, whatever tokens spell it, and no letter joins it."""
        text, sought = f" {normalised(self.join(tokens))} ", normalised(phrase)
        starts = [place for place in range(1, len(text)) if text.startswith(sought, place)]
        edges = ((text[start - 1], text[start + len(sought)]) for start in starts)
        begins, ends = joins(sought[0]), joins(sought[-1])
        return any(not (begins and joins(before)) and not (ends and joins(behind)) for before, behind in edges)

    def _symbols(self, text: str) -> str:
        return "".join(self.split(text))

    def shown(self, token: str) -> str:
        """A token as text, with the space that it may begin with; part of a character is a replacement mark."""
        return token if token in SPECIAL_TOKENS else self.join([token])


def _learned(texts: Iterable[str], num_tokens: int) -> Any:
    library = _library()
    subwords = library.Tokenizer(library.models.BPE())
    subwords.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(library.pre_tokenizers.ByteLevel.alphabet())
    trainer = library.trainers.BpeTrainer(vocab_size=num_tokens, initial_alphabet=alphabet, show_progress=False)
    with _in_one_thread():
        subwords.train_from_iterator(map(normalised, texts), trainer)
    return subwords


@contextmanager
def _in_one_thread() -> Iterator[None]:
    """Whoever learns in several threads is warned by the library in every data worker that starts later."""
    before = os.environ.get(PARALLEL)
    os.environ[PARALLEL] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[PARALLEL]
        else:
            os.environ[PARALLEL] = before


def _library() -> Any:
    """`tokenizers`, imported now; `ValueError` says how to install it."""
    try:
        return import_module("tokenizers")
    except ModuleNotFoundError as error:
        if error.name != "tokenizers":
            raise
        raise ValueError(
            "tokenizer=bpe needs tokenizers; install it with: pip install 'diptych[transformers]'"
        ) from None
