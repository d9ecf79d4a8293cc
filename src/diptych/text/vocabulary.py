"""Which tokens exist, and their numbers: the four special tokens first, then the words."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Self

from diptych.types import SPECIAL_TOKENS, UNK_ID


class Vocabulary:
    """A fixed list of tokens; `tokens[i]` is the text of id i, and what is not in it has the id of `<unk>`."""

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
        """Every distinct word, in alphabetical order: for closed languages, whose words are known beforehand."""
        return cls(SPECIAL_TOKENS + tuple(sorted(set(words) - set(SPECIAL_TOKENS))))

    @classmethod
    def of_counts(cls, counts: Counter[str], *, min_count: int = 1) -> Self:
        """The words seen at least `min_count` times, the most frequent first (ties: alphabetical)."""
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        words = (word for word, count in ranked if count >= min_count and word not in SPECIAL_TOKENS)
        return cls((*SPECIAL_TOKENS, *words))

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def id_of(self, token: str) -> int:
        """The token's number, or that of `<unk>`."""
        return self._ids.get(token, UNK_ID)
