import pytest

from diptych.metrics.statistics import Proportion, wilson_interval


def test_the_interval_is_the_textbooks():
    # Newcombe 1998, table I, method 3 (score, no continuity correction)
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_success_and_failure_are_mirror_images():
    low, high = wilson_interval(3, 40)
    assert wilson_interval(37, 40) == pytest.approx((1 - high, 1 - low))


def test_more_trials_of_the_same_rate_are_surer():
    widths = [high - low for low, high in (wilson_interval(9 * n // 10, n) for n in (10, 100, 1000))]
    assert widths == sorted(widths, reverse=True)


def test_no_trials_claim_nothing():
    nothing = Proportion(0, 0)
    assert nothing.rate is None
    assert nothing.interval == (0.0, 1.0)


def test_more_successes_than_trials_are_refused():
    with pytest.raises(ValueError, match="5 in 4"):
        Proportion(5, 4)
