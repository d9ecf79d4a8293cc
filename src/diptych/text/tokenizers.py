"""Tokenize sentences by words (Chinese by characters) or by characters; `subwords` has byte pairs.

Text is first composed (NFC) and lower-cased. `encode` adds <bos> and <eos>; `decode` is its inverse up to case, white
space and the spacing of punctuation, and the exact inverse on every sentence of the world's grammar. A vocabulary
belongs to the rules that made its words, which `DataSpec.tokenizer_rules` numbers: old runs keep theirs.
"""

import unicodedata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

from diptych.plain_types import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, TOKENIZER_RULES, DataSpec
from diptych.text.first_words import join_first_words, split_first_words
from diptych.text.vocabulary import Vocabulary
from diptych.text.words import join_words, joins, split_words

if TYPE_CHECKING:
    from diptych.types import TokenMask, Tokens


def normalised(text: str) -> str:
    """Normalise to NFC, lower case, straight apostrophes and single spaces, so that equal sentences match."""
    return " ".join(unicodedata.normalize("NFC", text.lower()).replace("\u2019", "'").split())


def plain(text: str) -> str:
    """The normalised text without spaces: equal for sentences that differ in case, spacing or accents' spelling."""
    return normalised(text).replace(" ", "")


class Cutter(NamedTuple):
    """How the sentences of data are cut, before they have a vocabulary.

    `tokens` are all that there can be, where they were learned (else None: those that occur), and `subwords` is what
    was learned.
    """

    split: Callable[[str], list[str]]
    tokens: tuple[str, ...] | None = None
    subwords: str = ""

    def vocabulary(self, counts: Counter[str], *, min_count: int = 1) -> Vocabulary:
        """Of the tokens that occur so often, or of those that were learned."""
        if self.tokens is None:
            return Vocabulary.of_counts(counts, min_count=min_count)
        return Vocabulary((*SPECIAL_TOKENS, *self.tokens))

    def closed_vocabulary(self, tokens: Iterable[str]) -> Vocabulary:
        """Of a closed language with these tokens, or of those that were learned."""
        return Vocabulary.of_words(tokens) if self.tokens is None else Vocabulary((*SPECIAL_TOKENS, *self.tokens))


class Pieces(NamedTuple):
    """How tokens that are pieces of words are spelt: the symbols of each, by id, and which symbols are letters."""

    tokens: tuple[str, ...]
    letters: frozenset[str]
    symbols_of: Callable[[str], str]

    def spelt(self, phrase: str) -> tuple[str, bool, bool]:
        """A phrase's symbols, and whether a letter in front of it or behind it would make it another word."""
        text = normalised(phrase)
        return self.symbols_of(text), joins(text[0]), joins(text[-1])


class Tokenizer(ABC):
    """Converts text to token ids and back. `max_length` counts <bos> and <eos>; longer sentences are cut."""

    kind: ClassVar[str]

    def __init__(self, vocabulary: Vocabulary, max_length: int | None = None) -> None:
        self.vocabulary = vocabulary
        self.max_length = max_length

    @classmethod
    def cutter(cls, texts: Iterable[str], num_tokens: int | None = None) -> Cutter:
        """How sentences are cut; one that learns reads the training `texts`, and makes `num_tokens` tokens of them."""
        if num_tokens is not None:
            raise ValueError(
                f"data.num_tokens={num_tokens}: tokenizer={cls.kind} has as many tokens as the captions have; set "
                "data.num_tokens=null, or tokenizer=bpe"
            )
        return Cutter(cls.split)

    @classmethod
    def of_spec(cls, spec: DataSpec) -> Self:
        """The tokenizer of data of these facts."""
        return cls(Vocabulary(spec.vocabulary), spec.max_length)

    @staticmethod
    @abstractmethod
    def split(text: str) -> list[str]:
        """The sentence's tokens as text."""

    @staticmethod
    @abstractmethod
    def join(tokens: Sequence[str]) -> str:
        """The sentence of these tokens, as people write it; the inverse of `split`."""

    def shown(self, token: str) -> str:
        """A token as people read it."""
        return token

    @property
    def pieces(self) -> Pieces | None:
        """How its tokens are spelt, if they can say a phrase in several ways; None: as `split` cuts it and no other."""
        return None

    def says(self, tokens: Sequence[str], phrase: str) -> bool:
        """Whether a sentence of these tokens has this word or phrase in it."""
        return _has(tokens, self.split(phrase))

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


def _has(tokens: Sequence[str], phrase: Sequence[str]) -> bool:
    return any(list(tokens[i : i + len(phrase)]) == list(phrase) for i in range(len(tokens) - len(phrase) + 1))


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


_HERE, _SUBWORDS = __name__, "diptych.text.subwords"
_BY_RULES = {
    1: {"word": (_HERE, "FirstWordTokenizer"), "char": (_HERE, "CharTokenizer")},
    TOKENIZER_RULES: {
        "word": (_HERE, "WordTokenizer"),
        "char": (_HERE, "CharTokenizer"),
        "bpe": (_SUBWORDS, "BPETokenizer"),
    },
}
"""Module and class by rules and kind; a module is imported when its class is asked for."""


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
    module, name = known[kind]
    return getattr(import_module(module), name)


def tokenizer_of(data_spec: DataSpec) -> Tokenizer:
    """The tokenizer of a data set and of every checkpoint trained on it."""
    return tokenizer_class(data_spec.tokenizer, data_spec.tokenizer_rules).of_spec(data_spec)
