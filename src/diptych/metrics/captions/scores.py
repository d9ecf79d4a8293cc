"""BLEU-1 … 4, ROUGE-L and CIDEr-D of a corpus, from sums of what is known of each caption.

The sums of parts of a corpus (batches, ranks) add up to those of the whole; averages of its parts' scores would not.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from diptych.metrics.captions.bleu import bleu
from diptych.metrics.captions.ngrams import ORDERS
from diptych.metrics.statistics import Interval
from diptych.metrics.statistics.clusters import BOOTSTRAP, by_cluster, expanded_tail

STATISTICS = (
    *(f"correct_{n}" for n in ORDERS),
    *(f"guessed_{n}" for n in ORDERS),
    "length",
    "reference_length",
    "rouge_l",
    "cider_d",
    "captions",
)
"""What is known of each caption: for BLEU counts, then its own ROUGE-L and CIDEr-D, and that it is one."""

SCORES = (*(f"bleu_{n}" for n in ORDERS), "rouge_l", "cider_d")
T = TypeVar("T")
DRAWS = 1000
LEAST_CLUSTERS = 10


@dataclass(frozen=True)
class CaptionScores:
    """`rows` are the `STATISTICS` of each caption; `undefined` says of some scores why there is none."""

    rows: Float[np.ndarray, "captions 13"]
    undefined: Mapping[str, str]

    def column(self, statistic: str) -> list[float]:
        """One of `STATISTICS` of each caption."""
        return self.rows[:, STATISTICS.index(statistic)].tolist()

    def values(self) -> dict[str, float | None]:
        """`SCORES` of the corpus, all but CIDEr-D in [0, 1]; None for what is undefined."""
        return {name: self._defined(name, value) for name, value in scores_of(self.rows.sum(axis=0)).items()}

    def intervals(
        self, seed: int, clusters: Sequence[Hashable] = (), over: str = "pictures", draws: int = DRAWS
    ) -> dict[str, Interval | None]:
        """95 %, by expanded percentiles: how much other pictures, words weighed as here, would move each score.

        `clusters` says what each caption is of, where several are of one thing. There is no interval of fewer than
        `LEAST_CLUSTERS`, of which resampling says too little.
        """
        rows = _summed(self.rows, clusters) if clusters else self.rows
        if len(rows) < LEAST_CLUSTERS:
            return dict.fromkeys(SCORES)
        drawn, tail = list(_resampled(rows, np.random.default_rng(seed), draws)), expanded_tail(float(len(rows)))
        middles = {name: self._defined(name, _middle([scores[name] for scores in drawn], tail)) for name in SCORES}
        return {name: ends and Interval(*ends, over, BOOTSTRAP, len(rows)) for name, ends in middles.items()}

    def _defined(self, name: str, value: T | None) -> T | None:
        return None if name in self.undefined else value


def scores_of(sums: Float[np.ndarray, "13"]) -> dict[str, float | None]:
    """`SCORES` of summed `STATISTICS`."""
    *counts, rouge_l, cider_d, captions = sums.tolist()
    values = (*bleu(counts[:4], counts[4:8], *counts[8:]), rouge_l / captions, cider_d / captions)
    return {name: None if np.isnan(value) else value for name, value in zip(SCORES, values, strict=True)}


def _summed(rows: Float[np.ndarray, "captions 13"], clusters: Sequence[Hashable]) -> Float[np.ndarray, "clusters 13"]:
    return np.stack([by_cluster(column, clusters)[0] for column in rows.T], axis=1)


def _resampled(
    rows: Float[np.ndarray, "clusters 13"], rng: np.random.Generator, draws: int
) -> Iterator[dict[str, float | None]]:
    num = len(rows)
    for _ in range(draws):
        yield scores_of(np.bincount(rng.integers(num, size=num), minlength=num) @ rows)


def _middle(values: Sequence[float | None], tail: float) -> tuple[float, float] | None:
    """What is left without either tail; None if some are undefined."""
    defined = [value for value in values if value is not None]
    if len(defined) < len(values):
        return None
    low, high = np.quantile(defined, (tail, 1 - tail)).tolist()
    return low, high
