"""How sure a mean is where training seeds and contents both vary: every seed was measured on the same contents."""

import numpy as np
from jaxtyping import Float
from scipy import special

from diptych.metrics.statistics.interval import CONFIDENCE, Interval
from diptych.metrics.statistics.seeds import Bounds

CROSSED = "two-way random effects"
SEEDS_AND_CONTENTS = "training seeds and contents"
SAME = 1e-12


def crossed_interval(
    scores: Float[np.ndarray, "seeds contents"],
    over: str = SEEDS_AND_CONTENTS,
    confidence: float = CONFIDENCE,
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> Interval | None:
    """Of the mean for a new seed and a new content, cut off at `limits`; its `n` counts the seeds.

    A t interval over seeds' means takes the contents as given. None where neither seeds nor contents differ in their
    means: there is no spread to take a width from.
    """
    if min(scores.shape) < 2:
        raise ValueError(
            f"an interval over {over} needs at least two of both, not {scores.shape[0]} and {scores.shape[1]}"
        )
    low, high = crossed_bounds(scores, confidence)
    if high - low < SAME:
        return None
    return Interval(max(float(low), limits[0]), min(float(high), limits[1]), over, CROSSED, scores.shape[0], confidence)


def crossed_bounds(scores: Float[np.ndarray, "*batch seeds contents"], confidence: float = CONFIDENCE) -> Bounds:
    """Mean ± t s with the mean squares of seeds, contents and the rest, degrees of freedom by Satterthwaite (1946).

    Where seeds or contents scatter less than the rest does, the larger of the two mean squares is taken alone.
    """
    seeds, contents = scores.shape[-2:]
    mean = scores.mean(axis=(-2, -1))
    of_seeds, of_contents = scores.mean(axis=-1, keepdims=True), scores.mean(axis=-2, keepdims=True)
    rest = scores - of_seeds - of_contents + mean[..., None, None]
    total, freedom = _satterthwaite(
        np.asarray(contents * of_seeds.var(axis=(-2, -1), ddof=1)),
        np.asarray(seeds * of_contents.var(axis=(-2, -1), ddof=1)),
        np.asarray((rest**2).sum(axis=(-2, -1)) / ((seeds - 1) * (contents - 1))),
        (seeds - 1, contents - 1),
    )
    half_width = special.stdtrit(freedom, (1 + confidence) / 2) * np.sqrt(total / (seeds * contents))
    return np.asarray(mean - half_width), np.asarray(mean + half_width)


def _satterthwaite(
    of_seeds: Float[np.ndarray, "*batch"],
    of_contents: Float[np.ndarray, "*batch"],
    of_rest: Float[np.ndarray, "*batch"],
    freedom: tuple[int, int],
) -> Bounds:
    """The mean square of the grand mean and its degrees of freedom."""
    larger = np.maximum(of_seeds, of_contents)
    alone = np.minimum(of_seeds, of_contents) <= of_rest
    total = np.where(alone, larger, of_seeds + of_contents - of_rest)
    scatter = of_seeds**2 / freedom[0] + of_contents**2 / freedom[1] + of_rest**2 / (freedom[0] * freedom[1])
    of_larger = np.where(of_seeds >= of_contents, *freedom)
    together = np.divide(total**2, scatter, out=np.ones_like(total), where=scatter > 0)
    return total, np.where(alone, of_larger, together)
