"""CIDEr-D of captions as token ids, many at once: a reward that costs little beside the network that earns it.

Equal to `diptych.metrics.captions.cider` for equal document frequency. An n-gram is a number of 64 bits that is mixed
from its ids (by the finaliser of SplitMix64, Steele et al. 2014); n-grams of a million different ones share a number
with probability 3e-8. All of a batch is sorted and looked up together, in float64.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt64

from diptych.metrics.captions.cider import SCALE, SIGMA
from diptych.metrics.captions.ngrams import ORDERS

Ids = Sequence[int]
AT_ONCE = 2048
_STEP, _FIRST, _SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


@dataclass(frozen=True)
class IdWeights:
    """log(N / df) of n-grams in the captions of N pictures, by ascending number; `rarest` = log N of all others."""

    ngrams: UInt64[np.ndarray, " ngrams"]
    values: Float[np.ndarray, " ngrams"]
    rarest: float

    @classmethod
    def of(cls, pictures: Iterable[Sequence[Ids]]) -> "IdWeights":
        """Counted over the captions of all pictures; each picture has an n-gram once."""
        parts, num_pictures = [], 0
        for some in _in_parts(pictures):
            num_pictures += len(some)
            parts.append(_document_frequency(some))
        ngrams, place = np.unique(np.concatenate([ngrams for ngrams, _ in parts]), return_inverse=True)
        frequency = np.bincount(place, weights=np.concatenate([counts for _, counts in parts]), minlength=len(ngrams))
        rarest = float(np.log(num_pictures))
        return cls(ngrams, rarest - np.log(frequency), rarest)

    def __call__(self, ngrams: UInt64[np.ndarray, " some"]) -> Float[np.ndarray, " some"]:
        """What each of these n-grams weighs."""
        if not len(self.ngrams):
            return np.full(len(ngrams), self.rarest)
        places = np.minimum(np.searchsorted(self.ngrams, ngrams), len(self.ngrams) - 1)
        return np.where(self.ngrams[places] == ngrams, self.values[places], self.rarest)


def cider_of_ids(
    captions: Int[np.ndarray, "rows length"],
    lengths: Int[np.ndarray, " rows"],
    references: Sequence[Sequence[Ids]],
    weights: IdWeights,
) -> Float[np.ndarray, " rows"]:
    """CIDEr-D, from 0 to 10, of each caption's first `lengths` ids against all references of its picture.

    A picture may have several captions: their rows stand side by side. Each picture has at least one reference.
    """
    owner = np.repeat(np.arange(len(references)), [len(texts) for texts in references])
    said, given = (
        _vectors(captions, lengths, weights),
        _vectors(*padded([t for texts in references for t in texts]), weights),
    )
    picture = np.arange(len(captions)) // (len(captions) // len(references))
    number = np.arange(len(owner)) - np.searchsorted(owner, owner)  # of a reference among those of its picture
    most = int(number.max()) + 1
    products = _products(said, picture, given, owner, number, most)
    inverse_norms, others = np.zeros((len(references), most, len(ORDERS))), np.zeros((len(references), most))
    inverse_norms[owner, number], others[owner, number] = given.inverse_norms, given.lengths
    penalties = np.exp(-((said.lengths[:, None] - others[picture]) ** 2) / (2 * SIGMA**2))
    cosines = products * said.inverse_norms[:, None] * inverse_norms[picture]
    sums = (cosines * penalties[:, :, None]).sum(axis=(1, 2))
    return SCALE * sums / len(ORDERS) / np.array([len(texts) for texts in references])[picture]


def padded(captions: Sequence[Ids]) -> tuple[Int[np.ndarray, "rows length"], Int[np.ndarray, " rows"]]:
    """The captions as rows of equal length, and their lengths."""
    lengths = np.array([len(caption) for caption in captions], dtype=np.int64)
    rows = np.zeros((len(captions), int(lengths.max(initial=0))), dtype=np.int64)
    rows[np.arange(rows.shape[1]) < lengths[:, None]] = [token for caption in captions for token in caption]
    return rows, lengths


class _Vectors(NamedTuple):
    """Captions as vectors over n-grams: the entries of all rows, then each row's inverse norm an order and length."""

    row: Int[np.ndarray, " entries"]
    order: Int[np.ndarray, " entries"]
    ngram: UInt64[np.ndarray, " entries"]
    value: Float[np.ndarray, " entries"]
    inverse_norms: Float[np.ndarray, "rows orders"]
    lengths: Int[np.ndarray, " rows"]


def _vectors(rows: np.ndarray, lengths: np.ndarray, weights: IdWeights) -> _Vectors:
    row, order, ngram, count = _counted(*_ngrams(rows, lengths))
    value = count * weights(ngram)
    squares = np.bincount(row * len(ORDERS) + order, weights=value**2, minlength=len(rows) * len(ORDERS))
    norms = np.sqrt(squares).reshape(len(rows), len(ORDERS))
    inverse_norms = np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)
    return _Vectors(row, order, ngram, value, inverse_norms, np.maximum(lengths - 1, 0))  # lengths in bigrams


def _products(
    said: _Vectors, picture: np.ndarray, given: _Vectors, owner: np.ndarray, number: np.ndarray, most: int
) -> Float[np.ndarray, "rows references orders"]:
    """For each caption and reference of its picture the sum of min(caption, reference) · reference, by order."""
    own = _mixed(given.ngram, owner[given.row])
    slots, place = np.unique(own, return_inverse=True)
    wanted = np.zeros((len(slots), most))
    wanted[place, number[given.row]] = given.value
    asked = _mixed(said.ngram, picture[said.row])
    places = np.minimum(np.searchsorted(slots, asked), len(slots) - 1)
    known = slots[places] == asked
    right = wanted[places[known]]
    shared = np.minimum(said.value[known, None], right) * right
    cells = said.row[known] * len(ORDERS) + said.order[known]
    size = len(picture) * len(ORDERS)
    sums = [np.bincount(cells, weights=shared[:, m], minlength=size) for m in range(most)]
    return np.stack(sums).reshape(most, len(picture), len(ORDERS)).transpose(1, 0, 2)


def _document_frequency(pictures: Sequence[Sequence[Ids]]) -> tuple[np.ndarray, np.ndarray]:
    """The different n-grams of these pictures' captions, and in how many pictures each is."""
    owner = np.repeat(np.arange(len(pictures)), [len(captions) for captions in pictures])
    row, order, ngram = _ngrams(*padded([caption for captions in pictures for caption in captions]))
    _, _, ngram, _ = _counted(owner[row], order, ngram)
    return np.unique(ngram, return_counts=True)


def _ngrams(rows: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every n-gram of every row: the row, the place of its order in `ORDERS`, and its number."""
    found, mixed = [], np.zeros(rows.shape, dtype=np.uint64)
    for place, n in enumerate(ORDERS):
        if n > rows.shape[1]:
            break
        mixed = _mixed(mixed[:, : rows.shape[1] - n + 1], rows[:, n - 1 :])
        row, start = np.nonzero(np.arange(mixed.shape[1]) <= lengths[:, None] - n)
        found.append((row, np.full(len(row), place), mixed[row, start]))
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint64)
    row, order, ngram = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return row, order, ngram


def _counted(row: np.ndarray, order: np.ndarray, ngram: np.ndarray) -> tuple[np.ndarray, ...]:
    """Each row's different n-grams, and how often it has each."""
    sequence = np.lexsort((ngram, row))
    row, order, ngram = row[sequence], order[sequence], ngram[sequence]
    is_first = np.ones(len(row), dtype=bool)
    is_first[1:] = (row[1:] != row[:-1]) | (ngram[1:] != ngram[:-1])
    firsts = np.flatnonzero(is_first)
    return row[firsts], order[firsts], ngram[firsts], np.diff(np.append(firsts, len(row)))


def _mixed(numbers: UInt64[np.ndarray, "..."], ids: Int[np.ndarray, "..."]) -> UInt64[np.ndarray, "..."]:
    """One number of two, well spread over 64 bits."""
    z = numbers * _STEP + (ids.astype(np.uint64) + np.uint64(1)) * _SECOND
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


def _in_parts(pictures: Iterable[Sequence[Ids]]) -> Iterator[list[Sequence[Ids]]]:
    every = iter(pictures)
    while some := list(islice(every, AT_ONCE)):
        yield some
