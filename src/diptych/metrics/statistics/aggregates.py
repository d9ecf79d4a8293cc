"""Many scores as one figure or curve, as Agarwal et al. 2021 (arXiv:2108.13264) do it over runs and tasks.

Here a task is a skill or any other line of a table. Scores that are averaged must mean the same everywhere: rates.
Functions in the plural take many sets of scores at once, which is what resampling needs.
"""

import numpy as np
from jaxtyping import Float


def interquartile_mean(scores: Float[np.ndarray, "runs tasks"]) -> float:
    """The mean of the middle half of all scores together; a quarter, rounded down, is left out at either end.

    For runs and tasks: of three to five runs of one task it throws half away.
    """
    return float(interquartile_means(scores))


def performance_profile(
    scores: Float[np.ndarray, "*batch runs tasks"], thresholds: Float[np.ndarray, " thresholds"]
) -> Float[np.ndarray, "*batch thresholds"]:
    """For each threshold, which share of all runs and tasks is above it; of two profiles the upper one is better."""
    return (scores[..., None] > thresholds).mean(axis=(-3, -2))


def probability_of_improvement(
    first: Float[np.ndarray, "runs tasks"], second: Float[np.ndarray, "others tasks"]
) -> float:
    """How often a run of the second is above one of the first, averaged over tasks; ties count half.

    In each task it is the statistic of Mann and Whitney over the number of pairs.
    """
    return float(probabilities_of_improvement(first, second))


def interquartile_means(scores: Float[np.ndarray, "*batch runs tasks"]) -> Float[np.ndarray, "*batch"]:
    """`interquartile_mean` of the last two axes."""
    ordered = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    left_out = ordered.shape[-1] // 4
    return np.asarray(ordered[..., left_out : ordered.shape[-1] - left_out].mean(axis=-1))


def probabilities_of_improvement(
    first: Float[np.ndarray, "*batch runs tasks"], second: Float[np.ndarray, "*batch others tasks"]
) -> Float[np.ndarray, "*batch"]:
    """`probability_of_improvement` of the last two axes of each."""
    new, old = second[..., None, :, :], first[..., :, None, :]
    above, equal = (compare(new, old).mean(axis=(-3, -2, -1)) for compare in (np.greater, np.equal))
    return np.asarray(above + equal / 2)
