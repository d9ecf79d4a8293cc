"""Tokenize sentences by words (Chinese by characters) or by characters.

Text is first composed (NFC) and lower-cased. `encode` adds <bos> and <eos>; `decode` is its inverse up to case, white
space and the spacing of punctuation, and the exact inverse on every sentence of the world's grammar.
"""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import ClassVar

import torch

from diptych.text.vocabulary import Vocabulary
from diptych.types import BOS_ID, EOS_ID, PAD_ID, DataSpec, TokenMask, Tokens

# Han characters, kana and CJK punctuation have no spaces between them, so each one is a token.
_CJK = "\u3001-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60\U00020000-\U0003134f"
_LETTERS = f"[^\\W{_CJK}]+"
_CLITIC = f"'(?:s|re|ve|ll|d|m)(?!{_LETTERS})"
_NUMBER = "[0-9]+(?:[.,][0-9]+)+"
_WORD = f"{_LETTERS}(?:(?!{_CLITIC})['-]{_LETTERS})*"
_TOKEN = re.compile(f"[{_CJK}]|{_CLITIC}|{_NUMBER}|{_WORD}|\\S")
_IS_CJK = re.compile(f"[{_CJK}]")
_IS_CLITIC = re.compile(_CLITIC)
_CLINGS_LEFT = frozenset(".,;:!?)]}%")
_CLINGS_RIGHT = frozenset("([{")


def normalised(text: str) -> str:
    """Normalise to NFC, lower case, straight apostrophes and single spaces, so that equal sentences match."""
    return " ".join(unicodedata.normalize("NFC", text.lower()).replace("\u2019", "'").split())


class Tokenizer(ABC):
    """Converts text to token ids and back. `max_length` counts <bos> and <eos>; longer sentences are cut."""

    kind: ClassVar[str]

    def __init__(self, vocabulary: Vocabulary, max_length: int | None = None) -> None:
        self.vocabulary = vocabulary
        self.max_length = max_length

    @staticmethod
    @abstractmethod
    def split(text: str) -> list[str]:
        """The sentence's tokens as text."""

    @staticmethod
    @abstractmethod
    def join(tokens: Sequence[str]) -> str:
        """The sentence of these tokens, as people write it; the inverse of `split`."""

    def encode(self, text: str) -> list[int]:
        """<bos>, the sentence, <eos>."""
        ids = [self.vocabulary.id_of(token) for token in self.split(text)]
        if self.max_length is not None:
            ids = ids[: self.max_length - 2]
        return [BOS_ID, *ids, EOS_ID]

    def encode_batch(self, texts: Sequence[str]) -> tuple[Tokens, TokenMask]:
        """The sentences padded to the longest one, and a mask of the real tokens."""
        rows = [self.encode(text) for text in texts]
        longest = max(map(len, rows))
        tokens = torch.tensor([row + [PAD_ID] * (longest - len(row)) for row in rows])
        return tokens, tokens != PAD_ID

    def decode(self, ids: Iterable[int]) -> str:
        """The sentence up to the first <eos>; <bos> and <pad> are left out."""
        tokens = []
        for token_id in map(int, ids):
            if token_id == EOS_ID:
                break
            if token_id not in (BOS_ID, PAD_ID):
                tokens.append(self.vocabulary.tokens[token_id])
        return self.join(tokens)


class WordTokenizer(Tokenizer):
    """Words, numbers, clitics such as 's, punctuation marks and single Chinese characters, with one rule for all."""

    kind = "word"

    @staticmethod
    def split(text: str) -> list[str]:
        return _TOKEN.findall(normalised(text))

    @staticmethod
    def join(tokens: Sequence[str]) -> str:
        words = list(tokens[:1])
        for before, token in pairwise(tokens):
            words += [token] if _clings(before, token) else [" ", token]
        return "".join(words)


class CharTokenizer(Tokenizer):
    """Every character is a token, including spaces."""

    kind = "char"

    @staticmethod
    def split(text: str) -> list[str]:
        return list(normalised(text))

    @staticmethod
    def join(tokens: Sequence[str]) -> str:
        return "".join(tokens)


def tokenizer_class(kind: str) -> type[Tokenizer]:
    """The tokenizer class with this `kind` in a config or a DataSpec."""
    known = {cls.kind: cls for cls in (WordTokenizer, CharTokenizer)}
    if kind not in known:
        raise ValueError(f"tokenizer: there is no {kind!r}; choose one of {', '.join(known)}")
    return known[kind]


def tokenizer_of(data_spec: DataSpec) -> Tokenizer:
    """The tokenizer of a data set and of every checkpoint trained on it."""
    return tokenizer_class(data_spec.tokenizer)(Vocabulary(data_spec.vocabulary), data_spec.max_length)


def _clings(before: str, token: str) -> bool:
    """Whether people write no space between the two."""
    if _IS_CJK.match(before) and _IS_CJK.match(token):
        return True
    return token in _CLINGS_LEFT or before in _CLINGS_RIGHT or _IS_CLITIC.fullmatch(token) is not None
