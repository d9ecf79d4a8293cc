"""How sure a figure of many runs and tasks is: runs are drawn with replacement, and the figure is taken anew.

Agarwal et al. 2021 (arXiv:2108.13264) draw within each task, for there every score is a training of its own. Where one
run has a score in every task, its scores may rise and fall together, which drawing within tasks hides: `whole_runs`
are drawn then. Tasks are as given. Either is too narrow over few runs, and docs/coverage.md measures by how much.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int

from diptych.metrics.statistics.interval import CONFIDENCE, Interval
from diptych.metrics.statistics.seeds import LEAST, SEEDS, Bounds

STRATIFIED, OF_WHOLE_RUNS = "stratified bootstrap", "bootstrap of whole runs"
RESAMPLES = 2_000

Draw = Callable[[int, int, np.random.Generator], Int[np.ndarray, "resamples runs #tasks"]]
"""Which runs come into each resample, for so many runs and tasks."""


def within_tasks(runs: int, tasks: int, rng: np.random.Generator) -> Int[np.ndarray, "resamples runs tasks"]:
    """Other runs in every task."""
    return rng.integers(0, runs, (RESAMPLES, runs, tasks))


def whole_runs(runs: int, tasks: int, rng: np.random.Generator) -> Int[np.ndarray, "resamples runs 1"]:
    """The same runs in all tasks."""
    return rng.integers(0, runs, (RESAMPLES, runs, 1))


METHODS: dict[Draw, str] = {within_tasks: STRATIFIED, whole_runs: OF_WHOLE_RUNS}


def resampled_interval(
    statistic: Callable[..., Float[np.ndarray, " resamples"]],
    groups: Sequence[Float[np.ndarray, "_ tasks"]],
    draw: Draw,
    rng: np.random.Generator,
    over: str = SEEDS,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Percentiles of a statistic of one group's scores or of several groups'; its `n` is that of the smallest one."""
    least = min(map(len, groups))
    if least < LEAST:
        raise ValueError(f"an interval over {over} needs at least {LEAST} of them in every group, not {least}")
    low, high = resampled_bounds(statistic, groups, draw, rng, confidence)
    return Interval(float(low), float(high), over, METHODS[draw], least, confidence)


def resampled_bounds(
    statistic: Callable[..., Float[np.ndarray, "resamples *values"]],
    groups: Sequence[Float[np.ndarray, "_ tasks"]],
    draw: Draw,
    rng: np.random.Generator,
    confidence: float = CONFIDENCE,
) -> Bounds:
    """The ends for every value of the statistic, one by one."""
    places = (draw(len(scores), scores.shape[1], rng) for scores in groups)
    drawn = [np.take_along_axis(scores[None], own, axis=1) for scores, own in zip(groups, places, strict=True)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(statistic(*drawn), (tail, 1 - tail), axis=0)
    return np.asarray(low), np.asarray(high)
