"""How sure a mean over few training runs is.

Student's t is right where runs scatter like a Gaussian. Runs that collapse now and then do not, and no interval knows
of a collapse that has not happened yet, unless it assumes the worst: `bounded_interval` does, at the price of width.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy import special

from diptych.metrics.statistics.interval import CONFIDENCE, Interval

SEEDS = "training seeds"
STUDENT_T, BOUNDED = "Student t", "Gaffke"
DRAWS = 10_000
LEAST = 2

Bounds = tuple[Float[np.ndarray, "*batch"], Float[np.ndarray, "*batch"]]


def student_t_interval(
    values: Sequence[float],
    over: str = SEEDS,
    confidence: float = CONFIDENCE,
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Of the mean of `values`, cut off at the `limits` that no mean can pass (0 and 1 for rates)."""
    low, high = student_t_bounds(_at_least_two(values, over), confidence)
    return Interval(max(float(low), limits[0]), min(float(high), limits[1]), over, STUDENT_T, len(values), confidence)


def bounded_interval(
    values: Sequence[float], rng: np.random.Generator, over: str = SEEDS, confidence: float = CONFIDENCE
) -> Interval:
    """Of the mean of `values` that lie in [0, 1], however they are spread (Gaffke 2005).

    That it always holds is conjectured, not proven; no simulation of ours contradicts it (docs/coverage.md).
    """
    sample = _at_least_two(values, over)
    if sample.min() < 0 or sample.max() > 1:
        raise ValueError(f"Gaffke's interval is for values in [0, 1], not {sample.min():g} to {sample.max():g}")
    low, high = bounded_bounds(sample, rng, confidence)
    return Interval(float(low), float(high), over, BOUNDED, len(values), confidence)


def student_t_bounds(values: Float[np.ndarray, "*batch n"], confidence: float = CONFIDENCE) -> Bounds:
    """Mean ± t s / √n along the last axis."""
    n = values.shape[-1]
    half_width = special.stdtrit(n - 1, (1 + confidence) / 2) * values.std(axis=-1, ddof=1) / np.sqrt(n)
    mean = values.mean(axis=-1)
    return np.asarray(mean - half_width), np.asarray(mean + half_width)


def bounded_bounds(
    values: Float[np.ndarray, "*batch n"], rng: np.random.Generator, confidence: float = CONFIDENCE
) -> Bounds:
    """Quantiles of randomly weighted means of the values and one more, the least favourable: 0 below, 1 above.

    The weights are uniform on the simplex. Of zeros and ones it is the interval of Clopper and Pearson (1934).
    """
    weights = rng.dirichlet(np.ones(values.shape[-1] + 1), DRAWS)
    with_zero = values @ weights[:, 1:].T
    tail = (1 - confidence) / 2
    low = np.quantile(with_zero, tail, axis=-1)
    high = np.quantile(with_zero + weights[:, 0], 1 - tail, axis=-1)
    return np.asarray(np.clip(low, 0.0, 1.0)), np.asarray(np.clip(high, 0.0, 1.0))


def _at_least_two(values: Sequence[float], over: str) -> Float[np.ndarray, " n"]:
    if len(values) < LEAST:
        raise ValueError(f"an interval over {over} needs at least {LEAST} of them, not {len(values)}")
    return np.asarray(values, dtype=np.float64)
