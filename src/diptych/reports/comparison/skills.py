"""The many skills of groups of runs as one figure a group: interquartile mean and probability of improvement.

Of GenEval's rates, one a skill, of the contents that training shows; overall lines, single claims and unseen contents
are left out. Every group needs two runs at least, and there must be two skills at least that all runs have.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float

from diptych.evaluation.results import Figure
from diptych.evaluation.skills.names import OVERALL
from diptych.metrics.statistics import (
    Interval,
    interquartile_mean,
    interquartile_means,
    performance_profile,
    probabilities_of_improvement,
    probability_of_improvement,
    resampled_bounds,
    resampled_interval,
    whole_runs,
    within_tasks,
)

LEAST = 2
SEED_OF_DRAWS = 0

Scores = Float[np.ndarray, "runs skills"]


@dataclass(frozen=True)
class Estimate:
    """A figure with two intervals over training seeds: runs drawn within each skill, and whole runs."""

    value: float
    interval: Interval
    interval_of_whole_runs: Interval


@dataclass(frozen=True)
class Profile:
    """Which share of runs and skills is above each threshold; the band, of whole runs, holds point by point."""

    thresholds: Float[np.ndarray, " thresholds"]
    share: Float[np.ndarray, " thresholds"]
    low: Float[np.ndarray, " thresholds"]
    high: Float[np.ndarray, " thresholds"]


@dataclass(frozen=True)
class ManyAsOne:
    """`scores` are one array a group; `improvements` are those of all groups but the first, over the first."""

    skills: tuple[str, ...]
    scores: tuple[Scores, ...]
    means: tuple[Estimate, ...]
    improvements: tuple[Estimate, ...]

    @property
    def num_runs(self) -> str:
        """How many runs a group has: 3, or 2 to 5."""
        sizes = sorted({len(scores) for scores in self.scores})
        return " to ".join(str(size) for size in dict.fromkeys((sizes[0], sizes[-1])))

    def profiles(self) -> list[Profile]:
        """One a group, at every rate that some run has: between them no profile changes."""
        thresholds = np.unique(np.concatenate([(0.0, 1.0), *(scores.ravel() for scores in self.scores)]))
        return [_profile(scores, thresholds) for scores in self.scores]


def many_as_one(rows: Sequence[tuple[Figure, Sequence[Sequence[float | None]]]]) -> ManyAsOne | None:
    """Of an evaluation's figures, each with its runs' values group by group. None where it makes no sense."""
    chosen = {f.name: values for f, values in rows if _is_skill(f) and all(None not in own for own in values)}
    skills = list(chosen)
    if len(skills) < LEAST or min(map(len, chosen[skills[0]])) < LEAST:
        return None
    scores = [np.array(own, dtype=np.float64).T for own in zip(*chosen.values(), strict=True)]
    first, *others = scores
    means = [_estimate(interquartile_mean, interquartile_means, own) for own in scores]
    improvements = [_estimate(probability_of_improvement, probabilities_of_improvement, first, own) for own in others]
    return ManyAsOne(tuple(skills), tuple(scores), tuple(means), tuple(improvements))


def _is_skill(figure: Figure) -> bool:
    """Whether it is GenEval's rate of one skill, of contents that training shows."""
    return figure.score == "geneval" and figure.split == "seen" and figure.group != OVERALL


def _estimate(of_one: Callable[..., float], of_many: Callable[..., np.ndarray], *groups: Scores) -> Estimate:
    intervals = (
        resampled_interval(of_many, groups, draw, np.random.default_rng(SEED_OF_DRAWS))
        for draw in (within_tasks, whole_runs)
    )
    return Estimate(of_one(*groups), *intervals)


def _profile(scores: Scores, thresholds: Float[np.ndarray, " thresholds"]) -> Profile:
    above = partial(performance_profile, thresholds=thresholds)
    ends = resampled_bounds(above, [scores], whole_runs, np.random.default_rng(SEED_OF_DRAWS))
    return Profile(thresholds, above(scores), *ends)
