"""Plots of a sweep: quality against compute, Pareto front, parameter importance."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from diptych.reports.page.curves import short_number
from diptych.reports.page.theme import INK, SOFT, Sheet, plain_axes
from diptych.reports.sweeps.axis_limits import AxisLimits, axis_limits_of
from diptych.reports.sweeps.importance import Importances
from diptych.reports.sweeps.pareto import cheapest, pareto_front
from diptych.reports.sweeps.scatter import DOT, USUAL_COLOUR, scatter
from diptych.reports.sweeps.trials import SweepTable, Trial

WIDTH = 9.0
COMPUTE_LEGEND = "dots: means of trials · line: no other trial is both better and cheaper · orange: the best trial"
PARETO_LEGEND = "dots: means of trials · line: no other trial is better in both · orange: best by the first"
IMPORTANCE_LEGEND = "dots: share of the forest's variance · bars: 5 to 95 % of resamples of the trials"
COSTS = {"seconds": "seconds a run", "images": "images a run"}


def draw_compute(table: SweepTable, cost: str, heading: str = "", says: str = "") -> Canvas | None:
    """The figure against `images` or `seconds`; nothing where all trials took the same."""
    trials = table.ranked
    costs = [getattr(trial, cost) for trial in trials]
    if len(trials) < 2 or max(costs) <= 1.02 * min(costs):
        return None
    sheet = Sheet.of(WIDTH if heading else 5.6, 3.2, heading, says)
    axes = sheet.axes(0.7, 0.55, sheet.canvas.get_figwidth() - 0.95, 2.5)
    limits = axis_limits_of([trial.mean() or 0.0 for trial in trials], table.objectives[0].mode)
    front = sorted(cheapest(table, cost), key=lambda trial: getattr(trial, cost))
    _scatter(axes, table, [(trial, getattr(trial, cost), trial.mean() or 0.0) for trial in trials], limits)
    _steps(axes, [(getattr(t, cost), t.mean() or 0.0) for t in front], [t.number for t in front], "post", limits)
    limits.apply(axes)
    _numbers_below(axes, COSTS[cost], from_zero=max(costs) > 2 * min(costs))
    axes.set_ylabel(table.objectives[0].name)
    plain_axes(axes, "y")
    return sheet.canvas


def draw_pareto(table: SweepTable, heading: str = "", says: str = "") -> Canvas | None:
    """The first objective against each of the others; nothing where there is one only."""
    trials = [t for t in table.ranked if all(t.mean(i) is not None for i in range(len(table.objectives)))]
    if len(table.objectives) < 2 or not trials:
        return None
    others = table.objectives[1:]
    width = max(WIDTH if heading else 5.6, 4.5 * len(others))
    sheet = Sheet.of(width, 3.6, heading, says)
    front = pareto_front(table)
    limits = axis_limits_of([trial.mean() or 0.0 for trial in trials], table.objectives[0].mode)
    for j, objective in enumerate(others, start=1):
        each = width / len(others)
        axes = sheet.axes((j - 1) * each + 0.7, 0.55, each - 0.95, 2.9)
        _scatter(axes, table, [(trial, trial.mean(j) or 0.0, trial.mean() or 0.0) for trial in trials], limits)
        points = sorted((trial.mean(j) or 0.0, trial.mean() or 0.0, trial.number) for trial in front)
        if len(others) == 1:
            where = "post" if objective.sign < 0 else "pre"
            _steps(axes, [(x, y) for x, y, _ in points], [number for *_, number in points], where, limits)
        else:
            axes.scatter([x for x, *_ in points], [y for _, y, _ in points], DOT * 3, "none", edgecolors=INK)
        limits.apply(axes)
        _numbers_below(axes, objective.description)
        axes.set_ylabel(table.objectives[0].description)
        plain_axes(axes, "both")
    return sheet.canvas


def draw_importance(importances: Importances, heading: str = "", says: str = "") -> Canvas | None:
    """One line per parameter; None without shares."""
    if not importances.shares:
        return None
    names = [share.name for share in importances.shares]
    height = 0.3 * len(names) + 0.5
    sheet = Sheet.of(WIDTH if heading else 5.6, height, heading, says)
    left = 0.3 + 0.078 * max(map(len, names))
    axes = sheet.axes(left, 0.4, sheet.canvas.get_figwidth() - left - 0.35, height - 0.45)
    places = np.arange(len(names))[::-1]
    for place, share in zip(places, importances.shares, strict=True):
        axes.hlines(place, 100 * share.low, 100 * share.high, color=USUAL_COLOUR, linewidth=2.6, alpha=0.4)
        axes.plot(100 * share.value, place, "o", color=USUAL_COLOUR, markersize=7)
    axes.set_yticks(places, names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlim(-1.5, 101.5)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    plain_axes(axes, "x")
    axes.tick_params(axis="y", labelcolor=INK)
    return sheet.canvas


def _scatter(axes: Axes, table: SweepTable, points: Sequence[tuple[Trial, float, float]], limits: AxisLimits) -> None:
    is_best = [trial is table.best for trial, *_ in points]
    scatter(axes, np.array([x for _, x, _ in points]), [y for *_, y in points], is_best, limits)


def _steps(
    axes: Axes, points: Sequence[tuple[float, float]], numbers: Sequence[int], where: str, limits: AxisLimits
) -> None:
    """A front as a step line, with the numbers of its trials."""
    x, y = _columns(points)
    y = limits.clipped(y)
    axes.step(x, y, where=where, color=SOFT, linewidth=1.2, zorder=2)  # pyright: ignore[reportArgumentType]
    for place, height, number in zip(x, y, numbers, strict=True):
        below: Any = {"xytext": (0, -12), "textcoords": "offset points", "ha": "center"}
        axes.annotate(f"#{number}", (place, height), size=8, color=SOFT, **below)


def _numbers_below(axes: Axes, label: str, *, from_zero: bool = False) -> None:
    if from_zero:
        axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(lambda value, _: short_number(value))
    axes.set_xlabel(label)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
