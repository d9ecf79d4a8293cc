"""How many labels were found in pictures, and how sure that is: a row a picture, a column a label."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diptych.metrics.statistics import Proportion

RESAMPLES = 2_000
LEAST_ON_EACH_SIDE = 10
"""Pictures with and without a mistake, below which resampling pictures says too little."""


class Ratio(NamedTuple):
    """A ratio of two counts, with its 95 % interval over pictures; no value where nothing was counted."""

    value: float | None
    interval: tuple[float, float]


class LabelScores(NamedTuple):
    """Of all (picture, label) pairs together: of those found, of those that hold, and of both (twice the hits)."""

    precision: Ratio
    recall: Ratio
    f1: Ratio


def label_scores(
    found: Bool[Tensor, "pictures labels"], held: Bool[Tensor, "pictures labels"], seed: int = 0
) -> LabelScores:
    """Precision, recall and F1, with intervals by resampling pictures, whose labels are not independent."""
    hits, num_found, num_held = (counts.sum(dim=1).numpy() for counts in (found & held, found, held))
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(hits), np.full(len(hits), 1 / len(hits)), size=RESAMPLES)
    return LabelScores(
        _ratio(hits, num_found, times), _ratio(hits, num_held, times), _ratio(2 * hits, num_found + num_held, times)
    )


def _ratio(
    parts: Int[np.ndarray, " pictures"],
    wholes: Int[np.ndarray, " pictures"],
    times: Int[np.ndarray, "resamples pictures"],
) -> Ratio:
    """Sum over sum; Wilson's interval of pictures where hardly any differ from the others."""
    counted = int((wholes > 0).sum())
    if counted == 0:
        return Ratio(None, (0.0, 1.0))
    value = float(parts.sum() / wholes.sum())
    sides = min(int((parts < wholes).sum()), int((parts > 0).sum()))
    if sides < LEAST_ON_EACH_SIDE:
        return Ratio(value, Proportion(round(value * counted), counted).interval)
    return Ratio(value, _percentiles((times @ parts) / (times @ wholes)))


def _percentiles(values: Float[np.ndarray, " resamples"]) -> tuple[float, float]:
    low, high = np.nanquantile(values, (0.025, 0.975))
    return float(low), float(high)
