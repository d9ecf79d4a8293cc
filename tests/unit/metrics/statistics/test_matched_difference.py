"""The interval of a difference of matched rates, against its formula and by simulation."""

import numpy as np
import pytest

from diptych.metrics.statistics.matched import matched_difference


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
