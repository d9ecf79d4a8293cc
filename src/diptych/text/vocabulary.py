"""The vocabulary: tokens and their ids, the four special tokens first, then the words."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Self

from diptych.plain_types import SPECIAL_TOKENS, UNK_ID


class Vocabulary:
    """A fixed list of tokens; `tokens[i]` is the text of id i, and every other token has the id of `<unk>`."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        if self.tokens[: len(SPECIAL_TOKENS)] != SPECIAL_TOKENS:
            raise ValueError(f"a vocabulary starts with {SPECIAL_TOKENS}, not with {self.tokens[:4]}")
        if len(self._ids) != len(self.tokens):
            twice = [token for token, count in Counter(self.tokens).items() if count > 1]
            raise ValueError(f"a vocabulary has each token once; twice: {twice[:5]}")

    @classmethod
    def of_words(cls, words: Iterable[str]) -> Self:
        """Every distinct word in alphabetical order, for closed languages with known words."""
        return cls(SPECIAL_TOKENS + tuple(sorted(set(words) - set(SPECIAL_TOKENS))))

    @classmethod
    def of_counts(cls, counts: Counter[str], *, min_count: int = 1) -> Self:
        """The words with at least `min_count` occurrences, most frequent first (ties alphabetically)."""
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        words = (word for word, count in ranked if count >= min_count and word not in SPECIAL_TOKENS)
        return cls((*SPECIAL_TOKENS, *words))

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def id_of(self, token: str) -> int:
        """The token's id, or that of `<unk>`."""
        return self._ids.get(token, UNK_ID)
