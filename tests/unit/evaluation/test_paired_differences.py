"""How far a disturbance moved a rate, against closed forms."""

import pytest

from diptych.evaluation.robustness.paired_differences import Pair, paired_contrast, paired_row, placed, with_differences


def test_differences_are_paired():
    pair = Pair(range(6), [True] * 4 + [False] * 2, [True] * 3 + [False] * 3)
    contrast = paired_contrast(pair, list("abcdef"))
    assert contrast.difference == pytest.approx(-1 / 6)
    assert contrast.p == 1
    assert contrast.interval.low < -1 / 6 < contrast.interval.high


def test_repeated_contents_make_a_difference_less_sure():
    pair = Pair(range(60), [True] * 60, [True] * 40 + [False] * 20)
    apart = paired_contrast(pair, [str(i) for i in range(60)])
    alike = paired_contrast(pair, [str(i // 20) for i in range(60)])
    assert apart.p == pytest.approx(2**-19)  # exact: twenty changes, all of one sign
    assert alike.p == 1  # one content of three changed, and a single sign says nothing
    assert alike.interval.over == "held-out contents"
    assert alike.interval.high - alike.interval.low > 2 * (apart.interval.high - apart.interval.low)


def test_all_p_of_a_table_are_adjusted_together():
    pairs = [Pair(range(8), [True] * 8, [False] * lost + [True] * (8 - lost)) for lost in (8, 6, 0)]
    figures = with_differences(
        [paired_row({"key": f"row_{i}"}, pair, list("abcdefgh")) for i, pair in enumerate(pairs)]
    )
    assert [figure.finding.split("p = ")[1] for figure in figures] == ["0.023", "0.062", "1"]  # 3 x 2^-7, 2 x 2^-5


def test_what_cannot_be_disturbed_has_no_value_and_is_no_test():
    none, one = Pair((), (), ()), Pair((1,), (True,), (False,))
    empty, figure = with_differences(
        [paired_row({"key": key}, pair, ["a", "b"]) for key, pair in (("x", none), ("y", one))]
    )
    assert empty.value is None
    assert "none of the examples" in empty.note
    assert (figure.value, figure.n, figure.hits) == (0, 1, "-0")


def test_hits_are_placed_among_those_that_do_not_count():
    assert placed([True, False], [2, 0], 4) == [False, None, True, None]
