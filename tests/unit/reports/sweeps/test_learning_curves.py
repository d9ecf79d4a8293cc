"""The learning curves of a sweep: who is named, what the band is, and that one validation is seen."""

from pathlib import Path

import numpy as np
import pytest
from fake_sweeps import FakeRun, fake_sweep, varied
from matplotlib.axes import Axes

from diptych.reports.sweeps.analysis import read_sweep
from diptych.reports.sweeps.learning_curves import NAMED_COLOURS, draw_curves


def axes_of(tmp_path: Path, runs: list[FakeRun]) -> Axes:
    canvas = draw_curves(read_sweep(fake_sweep(tmp_path, "rates", runs)), "heading", "says")
    assert canvas is not None
    (axes,) = canvas.axes
    return axes


def legend_of(axes: Axes) -> list[str]:
    legend = axes.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_a_trial_of_several_runs_has_its_mean_and_a_band_of_one_standard_deviation(tmp_path):
    curves = np.array([[0.1, 0.4, 0.6], [0.2, 0.5, 0.9], [0.0, 0.3, 0.3]])
    runs = [FakeRun(["lr=1", f"seed={i}"], max(curve), curve=curve.tolist()) for i, curve in enumerate(curves)]
    axes = axes_of(tmp_path, [*runs, FakeRun(["lr=2", "seed=0"], 0.1, curve=[0.0, 0.1, 0.1])])
    (band,) = axes.collections
    corners = band.get_paths()[0].vertices
    for height in (*(curves.mean(0) - curves.std(0, ddof=1)), *(curves.mean(0) + curves.std(0, ddof=1))):
        assert np.isclose(corners[:, 1], height).any()
    means = [line for line in axes.lines if np.allclose(line.get_ydata(), curves.mean(0))]
    assert {line.get_color() for line in means} >= {NAMED_COLOURS[0]}
    assert legend_of(axes) == ["#1, the best  lr=1", "#2  lr=2"]


@pytest.mark.parametrize("seeds", [1, 3])
def test_one_validation_alone_is_a_dot_that_is_seen(seeds, tmp_path):
    runs = [FakeRun(["lr=1", f"seed={i}"], 0.5 + i, curve=[0.5 + i]) for i in range(seeds)]
    axes = axes_of(tmp_path, runs)
    assert all(line.get_marker() == "o" for line in axes.lines if line.get_color() == NAMED_COLOURS[0])
    low, high = axes.get_ylim()
    assert all(low < value < high for run in runs for value in run.curve)
    assert "one validation each" in axes.get_xlabel()


def test_many_trials_share_a_legend_that_names_the_best_and_counts_the_others(tmp_path):
    axes = axes_of(tmp_path, varied(tmp_path))
    first, *_, last = legend_of(axes)
    assert "the best" in first
    assert last == f"others: {24 - len(NAMED_COLOURS)}"
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert len(crosses) == 3  # failed, pruned and diverged


@pytest.mark.parametrize(("heading", "head"), [("heading", 0.55), ("", 0.0)])
def test_the_legend_lies_on_the_sheet_below_the_heading_and_above_the_curves(heading, head, tmp_path):
    canvas = draw_curves(read_sweep(fake_sweep(tmp_path, "rates", varied(tmp_path))), heading)
    assert canvas is not None
    (axes,) = canvas.axes
    legend = axes.get_legend()
    assert legend is not None
    canvas.draw_without_rendering()
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= canvas.bbox.x1
    assert box.y0 >= axes.bbox.y1 - 2
    assert box.y1 <= canvas.bbox.y1 - head * canvas.dpi


def test_a_seed_without_a_finite_figure_is_left_out_and_the_others_are_drawn(tmp_path):
    runs = [
        FakeRun(["lr=1", "seed=0"], 0.6, curve=[0.1, 0.6]),
        FakeRun(["lr=1", "seed=1"], 0.0, curve=[float("inf"), float("nan")]),
        FakeRun(["lr=2", "seed=0"], 0.2, curve=[0.1, 0.2]),
    ]
    axes = axes_of(tmp_path, runs)
    assert any(np.allclose(line.get_ydata(), [0.1, 0.6]) for line in axes.lines)
