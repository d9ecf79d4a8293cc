"""BLEU-1 … 4, ROUGE-L and CIDEr-D of a corpus, from sums of what is known of each caption.

The sums of parts of a corpus (batches, ranks) add up to those of the whole; averages of its parts' scores would not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from diptych.metrics.captions.bleu import bleu
from diptych.metrics.captions.ngrams import ORDERS

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
DRAWS = 1000


@dataclass(frozen=True)
class CaptionScores:
    """`rows` are the `STATISTICS` of each caption; `undefined` says why there is no CIDEr-D (NaN in rows), if so."""

    rows: Float[np.ndarray, "captions 13"]
    undefined: str | None

    def values(self) -> dict[str, float | None]:
        """`SCORES` of the corpus, all but CIDEr-D in [0, 1]; None for what is undefined."""
        return scores_of(self.rows.sum(axis=0))

    def intervals(self, seed: int, draws: int = DRAWS) -> dict[str, tuple[float, float] | None]:
        """95 % percentile bootstrap over pictures: how much another sample of pictures would move each score."""
        drawn = list(self._resampled(np.random.default_rng(seed), draws))
        return {name: _middle([scores[name] for scores in drawn]) for name in SCORES}

    def _resampled(self, rng: np.random.Generator, draws: int) -> Iterator[dict[str, float | None]]:
        num = len(self.rows)
        for _ in range(draws):
            yield scores_of(np.bincount(rng.integers(num, size=num), minlength=num) @ self.rows)


def scores_of(sums: Float[np.ndarray, "13"]) -> dict[str, float | None]:
    """`SCORES` of summed `STATISTICS`."""
    *counts, rouge_l, cider_d, captions = sums.tolist()
    values = (*bleu(counts[:4], counts[4:8], *counts[8:]), rouge_l / captions, cider_d / captions)
    return {name: None if np.isnan(value) else value for name, value in zip(SCORES, values, strict=True)}


def _middle(values: Sequence[float | None]) -> tuple[float, float] | None:
    """Where 95 % of the values lie; None if some are undefined."""
    defined = [value for value in values if value is not None]
    if len(defined) < len(values):
        return None
    low, high = np.quantile(defined, (0.025, 0.975)).tolist()
    return low, high
