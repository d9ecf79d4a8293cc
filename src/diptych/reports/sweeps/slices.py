"""Slices: the figure against each parameter, one panel per parameter."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from diptych.reports.page.curves import short_number
from diptych.reports.page.theme import INK, Sheet, plain_axes
from diptych.reports.sweeps.axis_limits import AxisLimits, axis_limits_of
from diptych.reports.sweeps.parameters import ABSENT, Parameter, parameters_of, round_logarithms
from diptych.reports.sweeps.scatter import DOT, USUAL_COLOUR, scatter
from diptych.reports.sweeps.trials import SweepTable, Trial

WIDTH = 9.0
PANEL_WIDTH, PANEL_HEIGHT, PANELS = 3.0, 2.2, 3
BESIDE = 0.16
"""The spread of trials of one value, in distances between values."""
LETTERS, MOST_TICKS, MOST_NAMES = 32, 5, 12
LEGEND = "dots: means of trials · rings: runs · strokes: medians · orange: the best trial · triangles: outliers"


def draw_slices(table: SweepTable, keys: Sequence[str], heading: str = "", says: str = "") -> Canvas | None:
    """A panel for each parameter that differs, in rows of three; None if none does."""
    trials = table.ranked
    panels = [_panel(p, trials) for p in parameters_of(trials, table.keys) if p.key in keys]
    panels = [(parameter, own) for parameter, own in panels if parameter.differs]
    if not panels:
        return None
    columns = min(PANELS, len(panels))
    rows = -(-len(panels) // columns)
    sheet = Sheet.of(max(columns * PANEL_WIDTH, WIDTH if heading else 0.0), rows * PANEL_HEIGHT, heading, says)
    limits = axis_limits_of([value for trial in trials for value in trial.values()], table.objectives[0].mode)
    for i, (parameter, own) in enumerate(panels):
        left, bottom = i % columns * PANEL_WIDTH, (rows - 1 - i // columns) * PANEL_HEIGHT
        axes = sheet.axes(left + 0.55, bottom + 0.55, PANEL_WIDTH - 0.7, PANEL_HEIGHT - 0.65)
        _slice(axes, parameter, own, table.best, limits)
    return sheet.canvas


def _panel(parameter: Parameter, trials: Sequence[Trial]) -> tuple[Parameter, list[Trial]]:
    """The parameter and its trials; on an axis of numbers only trials with a number."""
    if not (parameter.is_numeric and parameter.is_partial):
        return parameter, list(trials)
    own = [trial for trial, value in zip(trials, parameter.values, strict=True) if value is not ABSENT]
    return replace(parameter, values=tuple(parameter.known)), own


def _slice(axes: Axes, parameter: Parameter, trials: Sequence[Trial], best: Trial | None, limits: AxisLimits) -> None:
    x = _beside(parameter, trials)
    means = [trial.mean() or 0.0 for trial in trials]
    runs = [(x[i], value) for i, trial in enumerate(trials) if len(trial.values()) > 1 for value in trial.values()]
    inside = [(place, value) for place, value in runs if limits.low <= value <= limits.high]
    if inside:
        places, values = zip(*inside, strict=True)
        axes.scatter(places, values, s=DOT / 2, facecolors="none", edgecolors=USUAL_COLOUR, linewidths=0.7, alpha=0.5)
    if parameter.is_by_level:
        _medians(axes, parameter, means, limits)
    scatter(axes, x, means, [trial is best for trial in trials], limits)
    _across(axes, parameter)
    limits.apply(axes)
    axes.set_xlabel(parameter.name, color=INK)
    plain_axes(axes, "y")


def _medians(axes: Axes, parameter: Parameter, means: Sequence[float], limits: AxisLimits) -> None:
    reach = 0.3 * _distance(parameter)
    for rows in _rows_of_levels(parameter):
        middle, height = parameter.positions[rows[0]], limits.clipped([float(np.median([means[i] for i in rows]))])[0]
        axes.hlines(height, middle - reach, middle + reach, color=INK, linewidth=1.6, alpha=0.75)


def _beside(parameter: Parameter, trials: Sequence[Trial]) -> np.ndarray:
    """Positions on the x axis; where values are few, trials of one value are side by side."""
    positions = parameter.positions.copy()
    if not parameter.is_by_level:
        return positions
    reach = BESIDE * _distance(parameter)
    for rows in _rows_of_levels(parameter):
        in_order = sorted(rows, key=lambda row: trials[row].number)
        positions[in_order] += np.linspace(-reach, reach, len(rows)) if len(rows) > 1 else 0.0
    return positions


def _rows_of_levels(parameter: Parameter) -> list[list[int]]:
    return [[row for row, own in enumerate(parameter.labels) if own == level] for level in parameter.levels]


def _distance(parameter: Parameter) -> float:
    """The least distance between two values."""
    return float(np.diff(np.unique(parameter.positions)).min())


def _across(axes: Axes, parameter: Parameter) -> None:
    """Ticks of the x axis: every value if they are few, else round numbers."""
    low, high = parameter.positions.min(), parameter.positions.max()
    axes.set_xlim(low - 0.06 * (high - low), high + 0.06 * (high - low))
    if parameter.is_by_level:
        margin = 0.45 * _distance(parameter)
        axes.set_xlim(low - margin, high + margin)
        where = dict(zip(parameter.labels, parameter.positions, strict=True))
        most = max(4, LETTERS // len(parameter.levels))
        shown = parameter.levels if len(parameter.levels) <= MOST_NAMES else []
        words = [level if len(level) <= most else f"{level[: most - 1]}…" for level in shown]
        axes.set_xticks([where[level] for level in shown], words, size=8.5)
    elif parameter.is_log:
        ticks = round_logarithms(low, high)
        shown = ticks[:: -(-len(ticks) // MOST_TICKS)]
        axes.set_xticks([place for place, _ in shown], [text for _, text in shown], size=8.5)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(lambda value, _: short_number(value))
