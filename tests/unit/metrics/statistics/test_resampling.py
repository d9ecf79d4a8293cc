"""Resampled intervals of figures of many runs and tasks: closed forms, and how often they hold the truth."""

from functools import partial
from itertools import product

import numpy as np
import pytest
from scipy import stats

from diptych.metrics.statistics import (
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

DRAWS = (within_tasks, whole_runs)


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def means(scores: np.ndarray) -> np.ndarray:
    return scores.mean(axis=(-2, -1))


def test_of_many_sets_the_figures_are_those_of_each():
    first, second = generator().random((6, 3, 5)).round(1), np.random.default_rng(1).random((6, 4, 5)).round(1)
    assert interquartile_means(first).tolist() == [interquartile_mean(scores) for scores in first]
    pairs = [probability_of_improvement(*pair) for pair in zip(first, second, strict=True)]
    assert probabilities_of_improvement(first, second) == pytest.approx(pairs)
    thresholds = np.linspace(0, 1, 9)
    assert performance_profile(first, thresholds).tolist() == [
        performance_profile(scores, thresholds).tolist() for scores in first
    ]


def test_whole_runs_keep_their_tasks_and_within_tasks_do_not():
    assert whole_runs(3, 9, generator()).shape[1:] == (3, 1)
    drawn = within_tasks(3, 9, generator())
    assert drawn.shape[1:] == (3, 9)
    assert set(np.unique(drawn)) == {0, 1, 2}
    assert (drawn != drawn[..., :1]).any()


def test_the_ends_are_percentiles_of_all_that_can_be_drawn():
    """Of three whole runs there are 27 samples; two thousand draws know their distribution well."""
    scores = np.array([[0.1, 0.3], [0.5, 0.5], [0.6, 0.9]])
    every = [means(scores[list(chosen)]) for chosen in product(range(3), repeat=3)]
    interval = resampled_interval(means, [scores], whole_runs, generator(), confidence=0.8)
    assert interval.ends == pytest.approx(np.quantile(every, (0.1, 0.9)))
    assert (interval.over, interval.method, interval.n) == ("training seeds", "bootstrap of whole runs", 3)


@pytest.mark.parametrize("draw", DRAWS)
def test_of_many_independent_runs_the_ends_are_the_normal_ones(draw):
    scores = generator().normal(size=(400, 3))
    deviations = scores.std(axis=0) if draw is within_tasks else scores.mean(axis=1, keepdims=True).std(axis=0)
    error = np.sqrt((deviations**2).sum()) / len(deviations) / 400**0.5
    ends = resampled_interval(means, [scores], draw, generator()).ends
    assert ends == pytest.approx((scores.mean() - 1.96 * error, scores.mean() + 1.96 * error), abs=0.15 * error)


def test_where_a_run_s_tasks_rise_and_fall_together_only_whole_runs_know():
    """With nine tasks that are one, the interval within tasks is three times too narrow."""
    scores = np.repeat(generator().normal(size=(200, 1)), 9, axis=1)
    apart, together = (resampled_interval(means, [scores], draw, generator()) for draw in DRAWS)
    assert (together.high - together.low) / (apart.high - apart.low) == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize("draw", DRAWS)
def test_of_a_dozen_runs_with_independent_tasks_an_interval_nearly_holds_as_often_as_it_says(draw):
    """The truth is that of two Gaussians half a deviation apart."""
    rng, held = generator(), 0
    for _ in range(200):
        groups = rng.normal(size=(12, 2)), rng.normal(0.5, size=(12, 2))
        low, high = resampled_interval(probabilities_of_improvement, groups, draw, rng).ends
        held += low <= stats.norm.cdf(0.5 / 2**0.5) <= high
    assert held / 200 == pytest.approx(0.92, abs=0.055)


def test_every_group_is_drawn_from_and_the_smallest_is_counted():
    groups = np.zeros((5, 2)), np.ones((3, 2))
    interval = resampled_interval(probabilities_of_improvement, groups, within_tasks, generator())
    assert (interval.ends, interval.n, interval.method) == ((1, 1), 3, "stratified bootstrap")


def test_a_band_has_two_ends_for_every_threshold():
    scores, thresholds = generator().random((4, 6)), np.linspace(0, 1, 11)
    above = partial(performance_profile, thresholds=thresholds)
    low, high = resampled_bounds(above, [scores], whole_runs, generator())
    share = performance_profile(scores, thresholds)
    assert (low <= share).all()
    assert (share <= high).all()
    assert (low[0], high[-1]) == (1, 0)


def test_one_run_cannot_be_resampled():
    with pytest.raises(ValueError, match="at least 2 of them in every group, not 1"):
        resampled_interval(means, [np.zeros((3, 2)), np.zeros((1, 2))], whole_runs, generator())
