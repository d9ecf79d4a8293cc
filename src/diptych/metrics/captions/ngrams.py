"""n-grams of words: the common ground of BLEU, CIDEr-D and the figures of diversity."""

from collections import Counter
from collections.abc import Sequence

ORDERS = (1, 2, 3, 4)

Ngram = tuple[str, ...]
NgramCounts = tuple[Counter[Ngram], ...]


def ngrams(words: Sequence[str], order: int) -> list[Ngram]:
    """All runs of `order` words, in order; none where there are fewer words."""
    return list(zip(*(words[start:] for start in range(order)), strict=False))


def ngram_counts(words: Sequence[str]) -> NgramCounts:
    """How often each n-gram occurs, one counter for each of `ORDERS`."""
    return tuple(Counter(ngrams(words, order)) for order in ORDERS)
