"""CIDEr-D (Vedantam et al. 2015, arXiv:1411.5726), which coco-caption prints as "CIDEr".

Both captions become vectors over n-grams, counts times log(N / df); a reference is worth its cosine with the caption,
where no n-gram helps by being said more often than the reference says it, times a Gaussian penalty on their difference
in length. Averaged over references and over n = 1 … 4, times 10.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, sqrt

from diptych.metrics.captions.ngrams import Ngram, NgramCounts

SIGMA = 6.0
SCALE = 10.0


@dataclass(frozen=True)
class Weights:
    """What an n-gram weighs: log(N / df), and `rarest` = log N where no caption of those N pictures has it."""

    of: Mapping[Ngram, float]
    rarest: float


class CiderReferences:
    """The references of one picture as vectors, ready to be compared with one caption after the other."""

    def __init__(self, references: Sequence[NgramCounts], weights: Weights) -> None:
        self._weights = weights
        self._lengths = [_length(counts) for counts in references]
        self._having: dict[Ngram, list[tuple[int, float]]] = {}
        self._inverse_norms: list[list[float]] = [[] for _ in references[0]]
        for place, reference in enumerate(references):
            for counts, inverse_norms in zip(reference, self._inverse_norms, strict=True):
                vector = _vector(counts, weights)
                inverse_norms.append(_inverse_norm(vector))
                for ngram, value in vector.items():
                    self._having.setdefault(ngram, []).append((place, value))

    def score(self, caption: NgramCounts) -> float:
        """CIDEr-D of one caption, from 0 to 10."""
        length = _length(caption)
        penalties = [exp(-((length - other) ** 2) / (2 * SIGMA**2)) for other in self._lengths]
        total = 0.0
        for counts, inverse_norms in zip(caption, self._inverse_norms, strict=True):
            vector = _vector(counts, self._weights)
            products = self._products(vector)
            if any(products):
                parts = zip(products, inverse_norms, penalties, strict=True)
                total += _inverse_norm(vector) * sum(product * norm * penalty for product, norm, penalty in parts)
        return SCALE * total / len(caption) / len(self._lengths)

    def _products(self, vector: Mapping[Ngram, float]) -> list[float]:
        """With each reference the sum of min(caption, reference) · reference."""
        products = [0.0] * len(self._lengths)
        for ngram, value in vector.items():
            for place, wanted in self._having.get(ngram, ()):
                products[place] += min(value, wanted) * wanted
        return products


def _vector(counts: Mapping[Ngram, int], weights: Weights) -> dict[Ngram, float]:
    of, rarest = weights.of, weights.rarest
    return {ngram: count * of.get(ngram, rarest) for ngram, count in counts.items()}


def _inverse_norm(vector: Mapping[Ngram, float]) -> float:
    norm = sqrt(sum(value * value for value in vector.values()))
    return 1 / norm if norm else 0.0


def _length(caption: NgramCounts) -> int:
    """In bigrams, as the original code has it: captions of no word and of one word are equally long."""
    return caption[1].total()
