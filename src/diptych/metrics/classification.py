"""Precision, recall and F1 of multi-label classification, with intervals; a row per picture, a column per label."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from diptych.metrics.statistics import Interval
from diptych.metrics.statistics.clusters import BOOTSTRAP, WILSON_OF_CLUSTERS, by_cluster, rate_bounds


class Ratio(NamedTuple):
    """A ratio of two counts, with its 95 % interval over contents; None if nothing was counted."""

    value: float | None
    interval: Interval | None


class LabelScores(NamedTuple):
    """Precision, recall and F1 over all (picture, label) pairs."""

    precision: Ratio
    recall: Ratio
    f1: Ratio


def label_scores(
    found: Bool[Tensor, "pictures labels"],
    held: Bool[Tensor, "pictures labels"],
    contents: Sequence[Hashable],
    over: str = "contents",
    seed: int = 0,
) -> LabelScores:
    """Precision, recall and F1, clustered by content: labels of a picture and pictures of a content are dependent."""
    counts = [matrix.sum(dim=1).numpy().astype(np.float64) for matrix in (found & held, found, held)]
    hits, num_found, num_held = (by_cluster(count, contents)[0] for count in counts)
    rng = np.random.default_rng(seed)
    parts_of_wholes = (hits, num_found), (hits, num_held), (2 * hits, num_found + num_held)
    return LabelScores(*(_ratio(*parts_of_whole, rng, over) for parts_of_whole in parts_of_wholes))


def _ratio(
    parts: Float[np.ndarray, " contents"],
    wholes: Float[np.ndarray, " contents"],
    rng: np.random.Generator,
    over: str,
) -> Ratio:
    """The ratio of sums over the contents with a positive denominator."""
    counted = wholes > 0
    if not counted.any():
        return Ratio(None, None)
    low, high, resampled = rate_bounds(parts[counted], wholes[counted], rng)
    method = BOOTSTRAP if resampled else WILSON_OF_CLUSTERS
    interval = Interval(float(low), float(high), over, method, int(counted.sum()))
    return Ratio(float(parts.sum() / wholes.sum()), interval)
