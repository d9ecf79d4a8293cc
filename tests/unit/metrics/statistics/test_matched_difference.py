"""The intervals of a difference of matched rates, against a formula and by simulation."""

import numpy as np
import pytest

from diptych.metrics.statistics import matched_cluster_difference, matched_difference


def test_a_worked_case():
    # 40 pairs, 8 gained and 2 lost: n = 42, centre 6 / 42, standard error sqrt(11 - 36 / 42) / 42
    first = [False] * 8 + [True] * 2 + [True] * 30
    second = [True] * 8 + [False] * 2 + [True] * 30
    half = 1.959964 * np.sqrt(11 - 36 / 42) / 42
    assert matched_difference(first, second, "examples").ends == pytest.approx((6 / 42 - half, 6 / 42 + half), abs=1e-6)


def test_exchanging_the_two_turns_the_interval_round():
    first, second = [True, False, True, True] * 9, [True, True, False, True] * 9
    low, high = matched_difference(first, second, "examples").ends
    assert matched_difference(second, first, "examples").ends == pytest.approx((-high, -low))


def test_no_change_at_all_still_has_a_width():
    low, high = matched_difference([True] * 100, [True] * 100, "examples").ends
    assert low == pytest.approx(-high)
    assert 0.005 < high < 0.03


@pytest.mark.parametrize("changes", [(0.02, 0.01), (0.1, 0.1), (0.3, 0.05)])
def test_it_covers_the_truth_as_often_as_it_says(changes):
    rng, n, gained = np.random.default_rng(0), 100, changes[0]
    covered = []
    for outcomes in rng.multinomial(n, (*changes, 1 - sum(changes)), 2000):
        first = [False] * outcomes[0] + [True] * (n - outcomes[0])
        second = [True] * outcomes[0] + [False] * outcomes[1] + [True] * outcomes[2]
        low, high = matched_difference(first, second, "examples").ends
        covered.append(low <= gained - changes[1] <= high)
    assert 0.94 <= np.mean(covered) <= 0.995


def test_clusters_of_one_example_each_are_nearly_the_matched_interval():
    rng = np.random.default_rng(0)
    first, second = ((rng.random(400) < rate).tolist() for rate in (0.8, 0.7))
    apart = matched_difference(first, second, "examples")
    drawn = matched_cluster_difference(first, second, range(400), rng)
    assert drawn.ends == pytest.approx(apart.ends, abs=0.01)
    assert (drawn.method, drawn.n) == ("cluster bootstrap", 400)


@pytest.mark.parametrize("size", [2, 10])
def test_examples_that_are_copies_count_once(size):
    first, second = [False] * 3 + [True] * 27, [True] * 30
    clusters = np.repeat(np.arange(30), size).tolist()
    copies = (np.repeat(hits, size).tolist() for hits in (first, second))
    copied = matched_cluster_difference(*copies, clusters, np.random.default_rng(0))
    assert copied.ends == pytest.approx(matched_difference(first, second, "examples").ends)
    assert copied.method == "Agresti-Min of clusters"


def test_whole_clusters_that_change_are_covered():
    rng, covered = np.random.default_rng(1), []
    for _ in range(400):
        gains = rng.random((60, 1)) * 0.6  # each content has a rate of its own at which it is gained
        second = (rng.random((60, 5)) < gains).ravel().tolist()
        clusters = np.repeat(np.arange(60), 5).tolist()
        low, high = matched_cluster_difference([False] * 300, second, clusters, rng).ends
        covered.append(low <= 0.3 <= high)
    assert 0.92 <= np.mean(covered) <= 0.98
