"""Many scores as one figure or curve, as Agarwal et al. 2021 (arXiv:2108.13264) do it over runs and tasks.

Here a task is a skill or any other line of a table. Scores that are averaged must mean the same everywhere: rates.
"""

import numpy as np
from jaxtyping import Float


def interquartile_mean(scores: Float[np.ndarray, "*shape"]) -> float:
    """The mean of the middle half of all scores together; a quarter, rounded down, is left out at either end.

    For runs and tasks: of three to five runs of one task it throws half away.
    """
    ordered = np.sort(scores, axis=None)
    left_out = len(ordered) // 4
    return float(ordered[left_out : len(ordered) - left_out].mean())


def performance_profile(
    scores: Float[np.ndarray, "runs tasks"], thresholds: Float[np.ndarray, " thresholds"]
) -> Float[np.ndarray, " thresholds"]:
    """For each threshold, which share of all runs and tasks is above it; of two profiles the upper one is better."""
    return (scores[None] > thresholds[:, None, None]).mean(axis=(1, 2))


def probability_of_improvement(
    first: Float[np.ndarray, "runs tasks"], second: Float[np.ndarray, "others tasks"]
) -> float:
    """How often a run of the second is above one of the first, averaged over tasks; ties count half.

    In each task it is the statistic of Mann and Whitney over the number of pairs.
    """
    above = (second[None] > first[:, None]).mean()
    return float(above + (second[None] == first[:, None]).mean() / 2)
