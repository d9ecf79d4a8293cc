"""Aggregates over runs and tasks, against scipy and closed forms."""

import numpy as np
import pytest
from scipy import stats

from diptych.metrics.statistics import interquartile_mean, performance_profile, probability_of_improvement

SCORES = np.random.default_rng(0).random((5, 7))


@pytest.mark.parametrize("shape", [(5, 7), (3, 1), (4, 2), (1, 6)])
def test_the_interquartile_mean_is_scipy_s_trimmed_mean(shape):
    scores = np.random.default_rng(1).random(shape)
    assert interquartile_mean(scores) == pytest.approx(stats.trim_mean(scores, 0.25, axis=None))


def test_one_outlier_never_moves_the_interquartile_mean():
    changed = SCORES.copy()
    changed[np.unravel_index(SCORES.argmax(), SCORES.shape)] = 1e9
    assert interquartile_mean(changed) == interquartile_mean(SCORES)


def test_the_profile_counts_what_is_above_and_never_rises():
    thresholds = np.linspace(-0.1, 1.1, 50)
    profile = performance_profile(SCORES, thresholds)
    assert profile == pytest.approx([np.mean(t < SCORES) for t in thresholds])
    assert (np.diff(profile) <= 0).all()
    assert (profile[0], profile[-1]) == (1, 0)


def test_the_area_under_the_profile_is_the_mean():
    thresholds = np.linspace(0, 1, 100_001)
    assert np.trapezoid(performance_profile(SCORES, thresholds), thresholds) == pytest.approx(SCORES.mean(), abs=1e-4)


def test_the_probability_of_improvement_is_mann_and_whitney_s():
    others = np.random.default_rng(2).random((4, 7)).round(1)
    scores = SCORES.round(1)
    columns = zip(others.T, scores.T, strict=True)
    expected = np.mean([stats.mannwhitneyu(new, old).statistic / (4 * 5) for new, old in columns])
    assert probability_of_improvement(scores, others) == pytest.approx(expected)


def test_the_two_probabilities_of_improvement_share_one():
    others = SCORES[:3].round(1)
    there, back = (probability_of_improvement(*pair) for pair in ((SCORES, others), (others, SCORES)))
    assert there + back == pytest.approx(1)
    assert probability_of_improvement(SCORES, SCORES) == 0.5
