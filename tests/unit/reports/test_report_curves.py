import re
from math import inf, nan

from hypothesis import given
from hypothesis import strategies as st

from diptych.reports.page.curves import HEIGHT, WIDTH, curve, short_number, ticks

finite = st.floats(-1e6, 1e6, allow_nan=False)


@given(finite, finite)
def test_ticks_hold_the_data_at_equal_round_steps(a, b):
    low, high = min(a, b), max(a, b)
    marks = ticks(low, high)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert marks[0] <= low + slack
    assert marks[-1] >= high - slack
    assert 2 <= len(marks) <= 9


@given(st.lists(st.tuples(st.floats(0, 1e6), finite), min_size=2, max_size=600))
def test_every_point_lies_on_the_paper(points):
    drawn = curve("loss", {"train": sorted(points)})
    (path,) = re.findall(r'points="([^"]*)"', drawn)
    for point in path.split():
        x, y = map(float, point.split(","))
        assert -0.1 <= x <= WIDTH + 0.1
        assert -0.1 <= y <= HEIGHT + 0.1


def test_a_curve_without_finite_points_is_not_drawn():
    assert curve("loss", {"train": [(0, nan), (1, inf)], "val": []}) == ""


def test_higher_values_are_drawn_higher():
    drawn = curve("loss", {"train": [(0, 0.0), (10, 1.0)]})
    first, last = re.findall(r'points="([^"]*)"', drawn)[0].split()
    assert float(first.split(",")[1]) > float(last.split(",")[1])


def test_several_lines_have_a_legend_and_one_has_none():
    one = curve("loss", {"train": [(0, 1), (1, 2)]})
    two = curve("loss", {"train": [(0, 1), (1, 2)], "val": [(0, 1), (1, 2)]})
    assert "train" not in one
    assert "train" in two
    assert "val" in two


def test_short_numbers():
    assert [short_number(v) for v in (0, 0.02, 250, 1500, 2e6)] == ["0", "0.02", "250", "1.5k", "2M"]
