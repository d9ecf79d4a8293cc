"""Curves of runs: where seconds come from, and what a group of runs has in common."""

import numpy as np
import pytest

from diptych.reports.comparison.curves import band_of, training_seconds


def line(x, y):
    return np.array(x, dtype=float), np.array(y, dtype=float)


def test_seconds_are_images_over_the_pace_at_which_they_were_seen():
    rows = [{"images": 100, "train/images_per_second": 50}, {"images": 100, "val/x": 1}]
    rows += [{"images": 300, "train/images_per_second": 100}]
    assert training_seconds(rows, np.array([0.0, 50, 100, 200, 300])) == pytest.approx([0, 1, 2, 3, 4])


def test_a_run_that_never_logged_its_pace_has_no_seconds():
    assert training_seconds([{"images": 100, "val/x": 1}], np.array([100.0])).tolist() == [0]


def test_the_band_of_equal_steps_keeps_them():
    band = band_of([line([1, 2, 3], [0, 1, 2]), line([1, 2, 3], [2, 3, 4])])
    assert band.x.tolist() == [1, 2, 3]
    assert band.mean.tolist() == [1, 2, 3]
    assert band.high[0] - 1 == pytest.approx(12.7062 * 2**0.5 / 2**0.5, abs=1e-3)


def test_the_band_ends_where_the_first_run_ends():
    band = band_of([line([0, 10], [0, 10]), line([2, 20], [2, 20])])
    assert (band.x[0], band.x[-1]) == (2, 10)
    assert band.mean == pytest.approx(band.x)


def test_one_run_has_no_band():
    band = band_of([line([1, 2], [3, 4])])
    assert (band.low == band.high).all()
