"""Intervals of rates whose examples come in clusters."""

import numpy as np
import pytest
from scipy import stats

from diptych.metrics.statistics import cluster_interval, wilson_interval
from diptych.metrics.statistics.clusters import (
    bootstrap_bounds,
    by_cluster,
    effective_clusters,
    expanded_tail,
    rate_bounds,
)


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def interval(hits, clusters):
    return cluster_interval([bool(hit) for hit in hits], clusters, generator())


def test_clusters_are_summed_in_the_order_in_which_they_appear():
    totals, sizes = by_cluster(np.array([1.0, 0.0, 1.0, 1.0]), ["b", "a", "b", "c"])
    assert totals.tolist() == [2, 0, 1]
    assert sizes.tolist() == [2, 1, 1]


def test_a_rate_of_one_keeps_wilson_s_width_on_the_number_of_clusters():
    perfect = interval([1] * 1000, [i // 4 for i in range(1000)])
    assert perfect.ends == pytest.approx(wilson_interval(250, 250))
    assert (perfect.method, perfect.n) == ("Wilson of clusters", 250)


def test_hardly_any_failure_is_not_resampled():
    hits = [i >= 12 for i in range(1000)]
    few = interval(hits, [i // 4 for i in range(1000)])
    assert few.method == "Wilson of clusters"
    assert few.ends == pytest.approx(wilson_interval(247, 250))


def test_the_same_clusters_twice_over_are_no_surer():
    rng = generator()
    once = rng.random(200) < 0.7
    single = interval(once, range(200))
    double = interval(np.repeat(once, 2), np.repeat(np.arange(200), 2).tolist())
    assert double.ends == pytest.approx(single.ends)
    assert (double.method, double.n) == ("cluster bootstrap", 200)


def test_clusters_of_one_are_about_as_sure_as_wilson_says():
    hits = [i % 5 > 0 for i in range(500)]
    assert interval(hits, range(500)).ends == pytest.approx(wilson_interval(400, 500), abs=0.006)


def test_examples_that_fail_together_are_less_sure_than_as_many_independent_ones():
    together = [i // 4 % 5 > 0 for i in range(1000)]
    low, high = interval(together, [i // 4 for i in range(1000)]).ends
    alone = wilson_interval(800, 1000)
    assert high - low == pytest.approx(2 * (alone[1] - alone[0]), rel=0.05)


def test_a_seed_gives_the_same_interval_and_the_order_of_examples_does_not_matter_much():
    rng = generator()
    hits, clusters = (rng.random(400) < 0.8).tolist(), [i // 2 for i in range(400)]
    assert interval(hits, clusters) == interval(hits, clusters)
    assert interval(hits[::-1], clusters[::-1]).ends == pytest.approx(interval(hits, clusters).ends, abs=0.005)


def test_the_bootstrap_of_two_values_agrees_with_its_own_distribution():
    low, high = bootstrap_bounds(np.array([0.0, 1.0]), np.ones(2), generator(), confidence=0.5)
    assert (low, high) == (0.0, 1.0)  # a quarter of the samples of two has neither one, another quarter has both


def test_the_expanded_percentile_makes_a_normal_bootstrap_student_s():
    n = 7.0
    half_width = -stats.norm.ppf(expanded_tail(n)) * np.sqrt(
        (n - 1) / n
    )  # the bootstrap's own error is √((n-1)/n) s/√n
    assert half_width == pytest.approx(stats.t.ppf(0.975, n - 1))


def test_clusters_of_one_size_all_count():
    assert effective_clusters(np.full(30, 12.0)) == pytest.approx(30)
    assert effective_clusters(np.array([100.0, 1.0, 1.0])) == pytest.approx(102**2 / 10_002)


def test_250_prompts_at_995_in_a_thousand_are_covered_where_the_bootstrap_has_no_width():
    rng = generator()
    hits = rng.binomial(1, 0.995, (2_000, 250)).astype(float)
    low, high, _ = rate_bounds(hits, np.ones(250), rng)
    assert ((low <= 0.995) & (high >= 0.995)).mean() >= 0.94
    bare_low, bare_high = bootstrap_bounds(hits[:500], np.ones(250), rng)
    assert (bare_low == bare_high).mean() == pytest.approx(0.995**250, abs=0.05)


def test_no_examples_have_no_interval():
    with pytest.raises(ValueError, match="over contents needs at least one"):
        cluster_interval([], [], generator(), "contents")
