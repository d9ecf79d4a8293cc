"""Intervals of rates over clustered examples: several pictures of one sentence, one frequent scene.

Such examples succeed and fail together, so they hold less information than as many independent ones. The interval
resamples whole clusters. If hardly any cluster differs from the others, there is nothing to resample; then it is
Wilson's interval with the effective number of clusters in place of the number of examples.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import special

from diptych.metrics.statistics.interval import CONFIDENCE, Interval
from diptych.metrics.statistics.proportions import WILSON, wilson_bounds
from diptych.metrics.statistics.seeds import Bounds

BOOTSTRAP, WILSON_OF_CLUSTERS = "cluster bootstrap", f"{WILSON} of clusters"
RESAMPLES = 2_000
LEAST_ON_EACH_SIDE = 10
"""Clusters with a failure, and clusters with a success, below which resampling is not trusted."""


def cluster_interval(
    hits: Sequence[bool] | Sequence[float],
    clusters: Sequence[Hashable],
    rng: np.random.Generator,
    over: str = "clusters",
    confidence: float = CONFIDENCE,
) -> Interval:
    """Of the mean of hits, or of anything in [0, 1]; `clusters` names the cluster of each."""
    if len(hits) == 0:
        raise ValueError(f"an interval over {over} needs at least one of them, not 0")
    successes, sizes = by_cluster(np.asarray(hits, dtype=np.float64), clusters)
    low, high, resampled = rate_bounds(successes, sizes, rng, confidence)
    method = BOOTSTRAP if resampled else WILSON_OF_CLUSTERS
    return Interval(float(low), float(high), over, method, len(sizes), confidence)


def by_cluster(
    values: Float[np.ndarray, " n"], clusters: Sequence[Hashable]
) -> tuple[Float[np.ndarray, " clusters"], Float[np.ndarray, " clusters"]]:
    """Sum of the values in each cluster and the cluster's size, in the order of first appearance."""
    places = {cluster: i for i, cluster in enumerate(dict.fromkeys(clusters))}
    of_each = np.array([places[cluster] for cluster in clusters], dtype=np.int64)
    sizes = np.bincount(of_each, minlength=len(places)).astype(np.float64)
    return np.bincount(of_each, weights=values, minlength=len(places)), sizes


def rate_bounds(
    successes: Float[np.ndarray, "*batch clusters"],
    sizes: Float[np.ndarray, " clusters"],
    rng: np.random.Generator,
    confidence: float = CONFIDENCE,
) -> tuple[Float[np.ndarray, "*batch"], Float[np.ndarray, "*batch"], Bool[np.ndarray, "*batch"]]:
    """The ends, and whether they were resampled; in every row the same clusters."""
    sides = np.minimum((successes > 0).sum(axis=-1), (successes < sizes).sum(axis=-1))
    resampled = np.asarray(sides >= LEAST_ON_EACH_SIDE)
    rates = np.asarray(successes.sum(axis=-1) / sizes.sum())
    wilson = wilson_bounds(rates, np.full(rates.shape, effective_clusters(sizes)), confidence)
    if not resampled.any():
        return *wilson, resampled
    bootstrap = bootstrap_bounds(successes, sizes, rng, confidence)
    return np.where(resampled, bootstrap[0], wilson[0]), np.where(resampled, bootstrap[1], wilson[1]), resampled


def bootstrap_bounds(
    totals: Float[np.ndarray, "*batch clusters"],
    sizes: Float[np.ndarray, " clusters"],
    rng: np.random.Generator,
    confidence: float = CONFIDENCE,
) -> Bounds:
    """Expanded percentiles (Hesterberg 2015, arXiv:1411.5279) of total over size, clusters drawn with replacement.

    Plain percentiles are too narrow for few clusters, as a normal quantile is where Student's belongs.
    """
    times = _times_drawn(len(sizes), rng).T.astype(np.float64)
    means = (totals @ times) / (sizes @ times)
    tail = expanded_tail(effective_clusters(sizes), confidence)
    return np.asarray(np.quantile(means, tail, axis=-1)), np.asarray(np.quantile(means, 1 - tail, axis=-1))


def expanded_tail(n: float, confidence: float = CONFIDENCE) -> float:
    """The share of resamples to leave out at either end, so that n normal values are covered as Student's t does."""
    return float(special.ndtr(-np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, (1 + confidence) / 2)))


def effective_clusters(sizes: Float[np.ndarray, " clusters"]) -> float:
    """The equivalent number of equal clusters, if all examples of a cluster are alike (Kish 1965)."""
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def _times_drawn(n: int, rng: np.random.Generator) -> Int[np.ndarray, "resamples clusters"]:
    """How often each of n clusters is drawn in each of many samples of n with replacement."""
    drawn = rng.integers(0, n, (RESAMPLES, n)) + n * np.arange(RESAMPLES)[:, None]
    return np.bincount(drawn.ravel(), minlength=RESAMPLES * n).reshape(RESAMPLES, n)
