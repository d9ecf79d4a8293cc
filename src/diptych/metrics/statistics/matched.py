"""How far two rates are apart that were measured on the same examples."""

from collections.abc import Hashable, Sequence
from math import sqrt
from statistics import NormalDist

import numpy as np

from diptych.metrics.statistics.clusters import (
    BOOTSTRAP,
    LEAST_ON_EACH_SIDE,
    bootstrap_bounds,
    by_cluster,
    effective_clusters,
)
from diptych.metrics.statistics.interval import CONFIDENCE, Interval

AGRESTI_MIN = "Agresti-Min"
AGRESTI_MIN_OF_CLUSTERS = f"{AGRESTI_MIN} of clusters"


def matched_difference(
    first: Sequence[bool], second: Sequence[bool], over: str, confidence: float = CONFIDENCE
) -> Interval:
    """Of the second rate minus the first, from pairs of hits (Agresti & Min 2005, Statistics in Medicine 24).

    Half a pair is added to each of the four outcomes before the normal interval is taken, which keeps its width where
    hardly any pair changed.
    """
    ends = _agresti_min(first, second, 1.0, confidence)
    return Interval(*ends, over, AGRESTI_MIN, len(first), confidence)


def matched_cluster_difference(
    first: Sequence[bool],
    second: Sequence[bool],
    clusters: Sequence[Hashable],
    rng: np.random.Generator,
    over: str = "clusters",
    confidence: float = CONFIDENCE,
) -> Interval:
    """The same where examples come in clusters, which are drawn whole.

    Where hardly any cluster changed there is nothing to draw from, and it is Agresti and Min's of the effective number
    of clusters.
    """
    changes, sizes = by_cluster(np.subtract(second, first, dtype=np.float64), clusters)
    if (changes != 0).sum() >= LEAST_ON_EACH_SIDE:
        low, high = bootstrap_bounds(changes, sizes, rng, confidence)
        return Interval(float(low), float(high), over, BOOTSTRAP, len(sizes), confidence)
    ends = _agresti_min(first, second, effective_clusters(sizes) / len(first), confidence)
    return Interval(*ends, over, AGRESTI_MIN_OF_CLUSTERS, len(sizes), confidence)


def _agresti_min(
    first: Sequence[bool], second: Sequence[bool], weight: float, confidence: float
) -> tuple[float, float]:
    """The ends, if each example counts as `weight` independent ones."""
    pairs = list(zip(first, second, strict=True))
    gained = weight * sum(after and not before for before, after in pairs) + 0.5
    lost = weight * sum(before and not after for before, after in pairs) + 0.5
    n = weight * len(pairs) + 2
    centre = (gained - lost) / n
    half_width = NormalDist().inv_cdf((1 + confidence) / 2) * sqrt(gained + lost - (gained - lost) ** 2 / n) / n
    return max(-1.0, centre - half_width), min(1.0, centre + half_width)
