"""Learning curves of a sweep: the best trials by name, each with its mean and a band, all others in the back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from diptych.reports.page.columns import cut_in_the_middle, shortened
from diptych.reports.page.curves import short_number
from diptych.reports.page.theme import COLOURS, PAPER, SOFT, Sheet, plain_axes
from diptych.reports.sweeps.axis_limits import axis_limits_of
from diptych.reports.sweeps.parameters import short_names, value_text
from diptych.reports.sweeps.scatter import BEST_COLOUR
from diptych.reports.sweeps.trials import BAD, PRUNED, SweepTable, SweptRun, Trial

WIDTH, HEIGHT, LEGEND_LINE = 9.0, 3.1, 0.19
LETTERS = 124
"""The letters that fit into one line of the legend."""
LABEL, NAME = 52, 14
NAMED_COLOURS = (BEST_COLOUR, *(colour for colour in COLOURS[:-1] if colour != BEST_COLOUR))
"""Of the best trials; the last of our colours looks like that of the others."""
FEW_POINTS, FINE = 12, 60
LEGEND = "thick: a trial's mean over its runs · shades: ± 1 standard deviation · thin: runs · crosses: pruned or failed"


def draw_curves(table: SweepTable, heading: str = "", says: str = "") -> Canvas | None:
    """Every run's validations of the first objective, the best trials' in front; None if none was logged."""
    drawn = [(trial, [run for run in trial.runs if len(_points(run)[0])]) for trial in table.trials]
    drawn = [(trial, runs) for trial, runs in drawn if runs]
    if not drawn:
        return None
    best, ranked = table.best, {trial.number for trial in table.ranked}
    in_order = sorted(drawn, key=lambda pair: pair[0] is not best)
    named = [pair for pair in in_order if pair[0].number in ranked][: len(NAMED_COLOURS)]
    others = [pair for pair in in_order if pair not in named]
    labels = [_label(table, trial) for trial, _ in named] + ([f"others: {len(others)}"] if others else [])
    columns = max(1, LETTERS // (max(map(len, labels)) + 5))
    above = LEGEND_LINE * -(-len(labels) // columns) + 0.06
    sheet = Sheet.of(WIDTH, HEIGHT + above, heading, says)
    axes = sheet.axes(0.7, 0.55, WIDTH - 0.95, HEIGHT - 0.7)
    for _, runs in others:
        for run in runs:
            _line(axes, *_points(run), color=SOFT, linewidth=0.9, alpha=0.4)
            _cross(axes, run, SOFT)
    for (_, runs), colour in reversed(list(zip(named, NAMED_COLOURS, strict=False))):
        _trial(axes, runs, colour)
    curves = [run.curve for _, runs in drawn for run in runs]
    axis_limits_of([value for curve in curves for _, value in curve], table.objectives[0].mode).apply(axes)
    _below(axes, curves)
    axes.set_ylabel(table.objectives[0].name)
    plain_axes(axes, "y")
    _legend(axes, labels, columns, bool(others))
    return sheet.canvas


def _trial(axes: Axes, runs: Sequence[SweptRun], colour: str) -> None:
    """The mean of its runs where all are known, with a band; each run thin."""
    lines = [_points(run) for run in runs]
    x, values = _side_by_side(lines)
    mean = values.mean(axis=0)
    if len(lines) > 1:
        spread = values.std(axis=0, ddof=1)
        axes.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.14, linewidth=0)
        for run, (own_x, own) in zip(runs, lines, strict=True):
            _line(axes, own_x, own, color=colour, linewidth=0.8, alpha=0.5)
            _cross(axes, run, colour)
    else:
        _cross(axes, runs[0], colour)
    axes.plot(x, mean, color=PAPER, linewidth=4.0)
    _line(axes, x, mean, color=colour, linewidth=2.2)


def _side_by_side(lines: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The lines' values [runs, points] at the same places, from the last first to the first last of theirs."""
    first, last = max(x[0] for x, _ in lines), min(x[-1] for x, _ in lines)
    known = np.unique(np.concatenate([x for x, _ in lines]))
    same = all(len(x) == len(known) for x, _ in lines)
    places = known if same else np.linspace(first, max(first, last), FINE)
    return places, np.stack([np.interp(places, x, y) for x, y in lines])


def _line(axes: Axes, x: np.ndarray, y: np.ndarray, **look: Any) -> None:
    """A line; the dots of few validations are seen, so that one alone is as well."""
    axes.plot(x, y, marker="o" if len(x) < FEW_POINTS else None, markersize=1.2 + 1.5 * look["linewidth"], **look)


def _cross(axes: Axes, run: SweptRun, colour: str) -> None:
    if run.state in (PRUNED, *BAD):
        x, y = _points(run)
        axes.plot(x[-1:], y[-1:], "x", color=colour, markersize=5, markeredgewidth=1.3)


def _points(run: SweptRun) -> tuple[np.ndarray, np.ndarray]:
    """Images and values of its finite validations."""
    images, values = np.array(run.curve, dtype=np.float64).reshape(-1, 2).T
    known = np.isfinite(values)
    return images[known], values[known]


def _label(table: SweepTable, trial: Trial) -> str:
    names = short_names(table.keys)
    values = " ".join(
        f"{cut_in_the_middle(names[key], NAME)}={value_text(value)}" for key, value in trial.parameters.items()
    )
    best = ", the best" if trial is table.best and len(table.trials) > 1 else ""
    return shortened(f"#{trial.number}{best}  {values}".rstrip(), LABEL)


def _below(axes: Axes, curves: Sequence[Sequence[tuple[float, float]]]) -> None:
    """Images from zero on."""
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(lambda value, _: short_number(value))
    once = all(len(curve) == 1 for curve in curves)
    axes.set_xlabel("images (one validation each: a lower validate_every_images shows the way)" if once else "images")


def _legend(axes: Axes, labels: Sequence[str], columns: int, has_others: bool) -> None:
    colours = (*NAMED_COLOURS[: len(labels) - has_others], *((SOFT,) if has_others else ()))
    marks = [Line2D([], [], color=colour, linewidth=2.2) for colour in colours]
    axes.legend(
        marks,
        labels,
        ncols=columns,
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        frameon=False,
        labelcolor=SOFT,
        fontsize=8.5,
        handlelength=1.2,
        handletextpad=0.5,
        columnspacing=1.6,
    )
