"""Intervals of means over training seeds, against published numbers, closed forms and scipy."""

import numpy as np
import pytest
from scipy import stats

from diptych.metrics.statistics import bounded_interval, crossed_interval, student_t_interval
from diptych.metrics.statistics.crossed import crossed_bounds
from diptych.metrics.statistics.seeds import bounded_bounds, student_t_bounds


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def covered(ends, truth: float) -> float:
    low, high = ends
    return float(((low <= truth) & (truth <= high)).mean())


def test_student_s_interval_is_scipy_s():
    runs = [0.91, 0.94, 0.90, 0.97, 0.93]
    expected = stats.ttest_1samp(runs, 0).confidence_interval(0.9)
    assert student_t_interval(runs, confidence=0.9).ends == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_three_runs_are_four_standard_errors_wide_on_either_side():
    interval = student_t_interval([1.0, 2.0, 3.0])
    assert interval.ends == pytest.approx((2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5), abs=1e-6)
    assert (interval.over, interval.method, interval.n, interval.confidence) == ("training seeds", "Student t", 3, 0.95)


def test_an_interval_of_rates_stays_among_rates():
    assert student_t_interval([0.9, 1.0, 1.0], limits=(0.0, 1.0)).high == 1
    assert student_t_interval([0.9, 1.0, 1.0]).high > 1


@pytest.mark.parametrize("hits", [0, 1, 4, 7, 8])
def test_of_zeros_and_ones_the_bounded_interval_is_clopper_and_pearson_s(hits):
    expected = stats.binomtest(hits, 8).proportion_ci(0.95, method="exact")
    ends = bounded_interval([1.0] * hits + [0.0] * (8 - hits), generator()).ends
    assert ends == pytest.approx((expected.low, expected.high), abs=0.012)


def test_the_bounded_interval_covers_runs_that_collapse_where_student_s_does_not():
    rng = generator()
    fallen = rng.random((500, 5)) < 0.1
    runs, mean = np.where(fallen, 0.1, 0.95) + rng.normal(0, 0.01, fallen.shape), 0.1 * 0.1 + 0.9 * 0.95
    assert covered(bounded_bounds(runs, rng), mean) >= 0.95
    assert covered(student_t_bounds(runs), mean) < 0.6


def test_student_s_interval_covers_gaussian_runs_as_often_as_it_says():
    assert covered(student_t_bounds(generator().normal(size=(20_000, 3))), 0) == pytest.approx(0.95, abs=0.005)


def test_one_run_has_no_interval_over_runs():
    with pytest.raises(ValueError, match="needs at least 2"):
        student_t_interval([0.9])
    with pytest.raises(ValueError, match="needs at least 2"):
        bounded_interval([0.9], generator())


def test_the_bounded_interval_is_for_rates_only():
    with pytest.raises(ValueError, match=r"\[0, 1\], not 0.5 to 7"):
        bounded_interval([0.5, 7.0], generator())


def test_alike_contents_leave_student_s_interval_over_seeds():
    seeds = np.array([0.7, 0.8, 0.95])
    scores = np.repeat(seeds[:, None], 40, axis=1)
    assert crossed_interval(scores).ends == pytest.approx(student_t_interval(seeds.tolist()).ends, rel=1e-9)


def test_alike_seeds_leave_student_s_interval_over_contents():
    contents = np.linspace(0, 1, 30)
    expected = stats.ttest_1samp(contents, 0).confidence_interval()
    assert crossed_interval(np.repeat(contents[None], 4, axis=0)).ends == pytest.approx(tuple(expected), rel=1e-9)


def test_contents_that_differ_make_new_ones_less_sure_than_these():
    scores = generator().random((4, 25)) + np.linspace(0, 1, 25)
    low, high = student_t_bounds(scores.mean(axis=1))
    crossed = crossed_interval(scores)
    assert crossed.high - crossed.low > high - low
    assert crossed.over == "training seeds and contents"


def test_an_interval_over_both_covers_where_both_vary():
    rng = generator()
    scores = rng.normal(size=(4_000, 5, 1)) + rng.normal(0, 4, (4_000, 1, 30)) + rng.normal(size=(4_000, 5, 30))
    assert covered(crossed_bounds(scores), 0) == pytest.approx(0.95, abs=0.02)


def test_one_seed_or_one_content_leaves_nothing_to_cross():
    with pytest.raises(ValueError, match="1 and 9"):
        crossed_interval(np.zeros((1, 9)))


@pytest.mark.parametrize(
    "scores",
    [np.ones((3, 10)), np.full((4, 7), 0.1), np.array([[1.0, 0.0], [0.0, 1.0]])],
    ids=["ones", "tenths", "turn"],
)
def test_where_neither_seeds_nor_contents_differ_no_width_is_claimed(scores):
    assert crossed_interval(scores) is None


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_bounded_interval_never_leaves_the_unit_interval(value):
    for n in range(2, 12):
        low, high = bounded_interval([value] * n, generator()).ends
        assert 0 <= low <= value <= high <= 1
        assert high - low > 0.2
