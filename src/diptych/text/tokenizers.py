"""Tokenize sentences by words (Chinese by characters) or by characters.

Text is first composed (NFC) and lower-cased. `encode` adds <bos> and <eos>; `decode` is its inverse up to case, white
space and the spacing of punctuation, and the exact inverse on every sentence of the world's grammar. A vocabulary
belongs to the rules that made its words, which `DataSpec.tokenizer_rules` numbers: old runs keep theirs.
"""

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from diptych.plain_types import BOS_ID, EOS_ID, PAD_ID, TOKENIZER_RULES, DataSpec
from diptych.text.first_words import join_first_words, split_first_words
from diptych.text.vocabulary import Vocabulary
from diptych.text.words import join_words, split_words

if TYPE_CHECKING:
    from diptych.types import TokenMask, Tokens


def normalised(text: str) -> str:
    """Normalise to NFC, lower case, straight apostrophes and single spaces, so that equal sentences match."""
    return " ".join(unicodedata.normalize("NFC", text.lower()).replace("\u2019", "'").split())


def plain(text: str) -> str:
    """The normalised text without spaces: equal for sentences that differ in case, spacing or accents' spelling."""
    return normalised(text).replace(" ", "")


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

    def encode_batch(self, texts: Sequence[str]) -> "tuple[Tokens, TokenMask]":
        """The sentences padded to the longest one, and a mask of the real tokens."""
        import torch  # takes seconds, and who cuts sentences into words needs no tensors

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
    """Words, numbers, clitics such as 's, punctuation marks, emoji, and single letters of scripts without spaces."""

    kind = "word"

    @staticmethod
    def split(text: str) -> list[str]:
        return split_words(normalised(text))

    @staticmethod
    def join(tokens: Sequence[str]) -> str:
        return join_words(tokens)


class FirstWordTokenizer(Tokenizer):
    """Words by rules 1, for the runs that were trained with them."""

    kind = "word"

    @staticmethod
    def split(text: str) -> list[str]:
        return split_first_words(normalised(text))

    @staticmethod
    def join(tokens: Sequence[str]) -> str:
        return join_first_words(tokens)


class CharTokenizer(Tokenizer):
    """Every character is a token, including spaces."""

    kind = "char"

    @staticmethod
    def split(text: str) -> list[str]:
        return list(normalised(text))

    @staticmethod
    def join(tokens: Sequence[str]) -> str:
        return "".join(tokens)


_BY_RULES = {
    1: {cls.kind: cls for cls in (FirstWordTokenizer, CharTokenizer)},
    TOKENIZER_RULES: {cls.kind: cls for cls in (WordTokenizer, CharTokenizer)},
}


def tokenizer_class(kind: str, rules: int = TOKENIZER_RULES) -> type[Tokenizer]:
    """The tokenizer class with this `kind` in a config or a DataSpec, by the rules of that number."""
    if rules not in _BY_RULES:
        raise ValueError(
            f"tokenizer_rules={rules}: this version of diptych knows the rules {', '.join(map(str, _BY_RULES))}; "
            "use the version that trained the run"
        )
    known = _BY_RULES[rules]
    if kind not in known:
        raise ValueError(f"tokenizer: there is no {kind!r}; choose one of {', '.join(known)}")
    return known[kind]


def tokenizer_of(data_spec: DataSpec) -> Tokenizer:
    """The tokenizer of a data set and of every checkpoint trained on it."""
    found = tokenizer_class(data_spec.tokenizer, data_spec.tokenizer_rules)
    return found(Vocabulary(data_spec.vocabulary), data_spec.max_length)
