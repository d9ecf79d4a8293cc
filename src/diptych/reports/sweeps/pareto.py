"""The Pareto front: trials that no other trial dominates."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from diptych.reports.sweeps.trials import SweepTable, Trial


def undominated(scores: Float[np.ndarray, "trials objectives"]) -> Bool[np.ndarray, " trials"]:
    """Rows that no other row dominates: at least as high everywhere and higher somewhere."""
    at_least = (scores[:, None, :] >= scores[None, :, :]).all(-1)
    higher = (scores[:, None, :] > scores[None, :, :]).any(-1)
    return np.logical_not((at_least & higher).any(0))


def pareto_front(table: SweepTable) -> list[Trial]:
    """The front by the means of all objectives, among trials that have all, best first by the first."""
    trials = [trial for trial in table.ranked if all(trial.mean(i) is not None for i in range(len(table.objectives)))]
    return _kept(trials, [[o.sign * (t.mean(i) or 0.0) for i, o in enumerate(table.objectives)] for t in trials])


def cheapest(table: SweepTable, cost: str) -> list[Trial]:
    """Trials that no other beats at as few `images` or `seconds`."""
    trials = table.ranked
    sign = table.objectives[0].sign if trials else 1.0
    return _kept(trials, [[sign * (trial.mean() or 0.0), -getattr(trial, cost)] for trial in trials])


def _kept(trials: Sequence[Trial], scores: Sequence[Sequence[float]]) -> list[Trial]:
    if not trials:
        return []
    return [trial for trial, on_front in zip(trials, undominated(np.array(scores)), strict=True) if on_front]
