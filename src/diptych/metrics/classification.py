"""How many labels were found in pictures, and how sure that is: a row a picture, a column a label."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from diptych.metrics.statistics import Interval
from diptych.metrics.statistics.clusters import BOOTSTRAP, WILSON_OF_CLUSTERS, by_cluster, rate_bounds


class Ratio(NamedTuple):
    """A ratio of two counts, with its 95 % interval over contents; neither where nothing was counted."""

    value: float | None
    interval: Interval | None


class LabelScores(NamedTuple):
    """Of all (picture, label) pairs together: of those found, of those that hold, and of both (twice the hits)."""

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
    """Precision, recall and F1; labels of one picture are not independent, nor are pictures of one content."""
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
    """Sum over sum, of the contents that have anything to count."""
    counted = wholes > 0
    if not counted.any():
        return Ratio(None, None)
    low, high, resampled = rate_bounds(parts[counted], wholes[counted], rng)
    method = BOOTSTRAP if resampled else WILSON_OF_CLUSTERS
    interval = Interval(float(low), float(high), over, method, int(counted.sum()))
    return Ratio(float(parts.sum() / wholes.sum()), interval)
