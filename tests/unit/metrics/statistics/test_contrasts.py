"""Tests of differences, against scipy, published examples and each other."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from diptych.metrics.statistics import holm, mcnemar, paired_t, permute_clusters, sign_flips, welch_t

FIRST = [0.81, 0.84, 0.79, 0.90, 0.86]
SECOND = [0.85, 0.86, 0.85, 0.91, 0.93]


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_paired_t_is_scipy_s():
    expected = stats.ttest_rel(SECOND, FIRST)
    contrast = paired_t(FIRST, SECOND)
    assert contrast.p == pytest.approx(expected.pvalue)
    assert contrast.interval.ends == pytest.approx(tuple(expected.confidence_interval()))
    assert (contrast.difference, contrast.n, contrast.over) == (pytest.approx(0.04), 5, "training seeds")


def test_welch_s_t_is_scipy_s():
    expected = stats.ttest_ind(SECOND[:3], FIRST, equal_var=False)
    contrast = welch_t(FIRST, SECOND[:3])
    assert contrast.p == pytest.approx(expected.pvalue)
    assert contrast.interval.ends == pytest.approx(tuple(expected.confidence_interval()))


def test_exchanging_the_two_turns_the_difference_and_keeps_the_p():
    for test in (paired_t, welch_t):
        there, back = test(FIRST, SECOND), test(SECOND, FIRST)
        assert (there.difference, there.p) == pytest.approx((-back.difference, back.p))


def test_equal_runs_differ_by_nothing():
    assert paired_t(FIRST, FIRST).p == welch_t([0.5] * 3, [0.5] * 3).p == 1


def test_differences_without_any_spread_are_no_proof():
    assert paired_t([0.1, 0.2, 0.3], [0.2, 0.3, 0.4]).p == 0.25
    assert welch_t([0.1] * 3, [0.2] * 3).p == pytest.approx(0.1)


def test_a_single_pair_is_no_test():
    with pytest.raises(ValueError, match="at least 2"):
        paired_t([0.1], [0.2])
    with pytest.raises(ValueError, match="not 1 and 5"):
        welch_t([0.1], SECOND)


def test_mcnemar_is_the_binomial_of_what_changed():
    before = [True] * 3 + [False] * 10 + [True] * 87
    after = [False] * 3 + [True] * 10 + [True] * 87
    contrast = mcnemar(before, after)
    assert contrast.p == pytest.approx(2 * sum(stats.binom(13, 0.5).pmf(k) for k in range(4)))
    assert (contrast.difference, contrast.n) == (pytest.approx(0.07), 100)
    assert contrast.smallest_p == 2.0**-12


def test_nothing_changed_is_nothing_found():
    assert mcnemar([True, False], [True, False]).p == 1
    assert permute_clusters([1.0, 0.0], [1.0, 0.0], "ab", generator()).p == 1


def test_with_every_cluster_of_one_the_permutation_is_mcnemar_s():
    rng = generator()
    before, after = (rng.random(60) < 0.8).tolist(), (rng.random(60) < 0.9).tolist()
    changed = sum(a != b for a, b in zip(before, after, strict=True))
    assert changed > 14
    permuted = permute_clusters(before, after, range(60), rng)
    assert permuted.p == pytest.approx(mcnemar(before, after).p, abs=0.015)
    assert permuted.difference == pytest.approx(mcnemar(before, after).difference)


def test_few_clusters_are_flipped_in_every_way():
    differences = np.array([0.5, 1.0, -0.25, 2.0, 0.75, 0.1])
    sums = [abs(np.dot(signs, differences)) for signs in product((-1, 1), repeat=6)]
    expected = np.mean([s >= abs(differences.sum()) - 1e-9 for s in sums])
    assert sign_flips(differences, generator()) == (expected, 2.0**-5)


def test_the_exact_permutation_is_scipy_s():
    before, after = np.array([1.0, 0, 2, 3, 1, 0, 2, 2]), np.array([2.0, 2, 2, 4, 3, 1, 1, 4])
    expected = stats.permutation_test(
        (after, before), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", vectorized=True
    )
    assert permute_clusters(before.tolist(), after.tolist(), range(8), generator()).p == pytest.approx(expected.pvalue)


def test_drawn_flips_agree_with_all_flips():
    rng = generator()
    differences = rng.normal(0.4, 1, 15)
    signs = np.array(list(product((-1.0, 1.0), repeat=15)))
    exact = (np.abs(signs @ differences) >= abs(differences.sum()) - 1e-9).mean()
    assert sign_flips(differences, rng)[0] == pytest.approx(exact, abs=4 * (exact / 10_000) ** 0.5)


def test_drawn_flips_never_give_a_p_of_nothing():
    assert sign_flips(np.ones(50), generator()) == (1e-4, 1e-4)


def test_five_seeds_cannot_go_below_one_sixteenth():
    p, smallest = sign_flips(np.subtract(SECOND, FIRST), generator())
    assert p == smallest == 0.0625


def test_examples_of_a_cluster_are_exchanged_together():
    before, after = [0.0] * 12, [1.0] * 12
    assert permute_clusters(before, after, [i // 4 for i in range(12)], generator()).p == 0.25
    assert permute_clusters(before, after, range(12), generator()).p == 2.0**-11


def test_the_permutation_is_right_as_often_as_it_says_when_nothing_differs():
    rng = generator()
    p_values = []
    for _ in range(400):
        kind = rng.random(30) < 0.5
        before, after = ((np.repeat(kind, 4) ^ (rng.random(120) < 0.2)).tolist() for _ in range(2))
        p_values.append(permute_clusters(before, after, [i // 4 for i in range(120)], rng).p)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5


def test_holm_s_adjustment_is_the_textbook_s():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("wrong", [float("nan"), -0.1, 1.5])
def test_what_is_no_p_is_never_adjusted(wrong):
    with pytest.raises(ValueError, match=rf"\[0, 1\], not {wrong}"):
        holm([wrong, 0.01])


def test_no_pairs_at_all_are_refused():
    with pytest.raises(ValueError, match="McNemar's test over held-out contents needs at least one pair"):
        mcnemar([], [])


def test_holm_is_never_below_the_raw_p_nor_above_bonferroni_s():
    raw = generator().random(20) ** 3
    adjusted = np.array(holm(raw.tolist()))
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(1, 20 * raw) + 1e-12).all()
    assert (np.argsort(adjusted, kind="stable")[:5] == np.argsort(raw)[:5]).all()
