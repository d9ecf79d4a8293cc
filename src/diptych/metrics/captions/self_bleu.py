"""Self-BLEU: how much captions repeat each other (Zhu et al. 2018, arXiv:1802.01886), in linear time."""

from collections import Counter
from collections.abc import Sequence

from diptych.metrics.captions.bleu import bleu, closest_length, num_correct, num_guessed
from diptych.metrics.captions.ngrams import Ngram, NgramCounts, ngram_counts


def self_bleu(captions: Sequence[Sequence[str]]) -> float | None:
    """BLEU-4 of a corpus in which the references of each caption are all the others.

    1 where every caption comes twice; None of fewer than two captions, and where none has four words. Counts are summed
    over captions, as BLEU of a corpus does, where the paper averages scores of sentences.
    """
    if len(captions) < 2:
        return None
    counts = [ngram_counts(words) for words in captions]
    if not any(of_one[-1] for of_one in counts):
        return None
    elsewhere = _Elsewhere(counts)
    sums = [0.0] * 10
    for place, of_one in enumerate(counts):
        length = of_one[0].total()
        correct = num_correct(of_one, elsewhere.most_often(place, of_one))
        row = (*correct, *num_guessed(length), length, closest_length(length, elsewhere.lengths(length)))
        sums = [total + value for total, value in zip(sums, row, strict=True)]
    return bleu(sums[:4], sums[4:8], *sums[8:])[-1]


class _Elsewhere:
    """What all captions but one hold: of each n-gram the two captions that have it most often are kept."""

    def __init__(self, counts: Sequence[NgramCounts]) -> None:
        self._lengths = Counter(of_one[0].total() for of_one in counts)
        self._first: dict[Ngram, tuple[int, int]] = {}
        self._second: dict[Ngram, int] = {}
        for place, of_one in enumerate(counts):
            for order in of_one:
                for ngram, count in order.items():
                    self._add(ngram, count, place)

    def most_often(self, place: int, counts: NgramCounts) -> dict[Ngram, int]:
        """For the n-grams of the caption at `place`, how often the one other caption says them that does so most."""
        mine = (ngram for order in counts for ngram in order)
        return {ngram: self._count_without(ngram, place) for ngram in mine}

    def lengths(self, length: int) -> list[int]:
        """The lengths of all captions but one of `length` words."""
        return [other for other, number in self._lengths.items() if other != length or number > 1]

    def _add(self, ngram: Ngram, count: int, place: int) -> None:
        most, _ = self._first.get(ngram, (0, place))
        if count > most:
            self._first[ngram] = count, place
            self._second[ngram] = most
        else:
            self._second[ngram] = max(count, self._second.get(ngram, 0))

    def _count_without(self, ngram: Ngram, place: int) -> int:
        most, holder = self._first[ngram]
        return self._second[ngram] if holder == place else most
