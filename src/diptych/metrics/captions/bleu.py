"""BLEU-1 to BLEU-4 of a corpus (Papineni et al. 2002), with the constants and the tie-break of coco-caption.

What is counted of each caption adds up, over batches and over ranks; only the sums become a score.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from math import exp
from operator import mul

from diptych.metrics.captions.ngrams import Ngram, NgramCounts

_TINY, _SMALL = 1e-15, 1e-9  # coco-caption adds them to numerators and to denominators


def most_often(references: Iterable[NgramCounts]) -> dict[Ngram, int]:
    """How often an n-gram of any order occurs in the one reference that has it most often."""
    most: dict[Ngram, int] = {}
    for reference in references:
        for counts in reference:
            for ngram, count in counts.items():
                if count > most.get(ngram, 0):
                    most[ngram] = count
    return most


def num_correct(caption: NgramCounts, most: Mapping[Ngram, int]) -> list[int]:
    """For each order, how many of the caption's n-grams a reference has, none counted more often than there."""
    return [sum(min(count, most[ngram]) for ngram, count in counts.items() if ngram in most) for counts in caption]


def num_guessed(length: int) -> list[int]:
    """For each order, how many n-grams a caption of `length` words has."""
    return [max(0, length - shorter) for shorter in range(4)]


def closest_length(length: int, reference_lengths: Sequence[int]) -> int:
    """The reference length next to the caption's; of two equally near the shorter."""
    return min((abs(reference - length), reference) for reference in reference_lengths)[1]


def bleu(
    correct: Sequence[float], guessed: Sequence[float], length: float, reference_length: float
) -> tuple[float, ...]:
    """BLEU-1, -2, -3, -4 of summed counts, in [0, 1]: geometric means of precisions, times the brevity penalty."""
    precisions = ((c + _TINY) / (g + _SMALL) for c, g in zip(correct, guessed, strict=True))
    means = [product ** (1 / order) for order, product in enumerate(accumulate(precisions, mul), start=1)]
    ratio = (length + _TINY) / (reference_length + _SMALL)
    penalty = exp(1 - 1 / ratio) if ratio < 1 else 1.0
    return tuple(mean * penalty for mean in means)
