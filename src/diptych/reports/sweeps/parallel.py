"""Parallel coordinates: one line per trial, through its parameters to its figure."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from diptych.reports.page.curves import short_number, ticks
from diptych.reports.page.theme import COLOURS, INK, LINE, PAPER, SOFT, Sheet, scale_colour
from diptych.reports.sweeps.axis_limits import AxisLimits, axis_limits_of
from diptych.reports.sweeps.parameters import ABSENT, Parameter, parameters_of, round_logarithms
from diptych.reports.sweeps.trials import SweepTable, ranks
from diptych.sweeps.objective import MAX

WIDTH, HEIGHT, AXIS = 9.0, 3.7, 1.35
MOST_LEVELS = 10
MOST_LETTERS = 16
SPREAD, ABSENT_ROOM = 0.045, 0.14
LEGEND = "strong colours: better, by rank · orange: the best trial · dashed: no figure (failed, pruned, running)"
LINE_WIDTHS, THINNEST = ((16, 1.7), (60, 1.15)), 0.7


def draw_parallel(table: SweepTable, heading: str = "", says: str = "") -> Canvas | None:
    """The plot; None if no parameter differs or no trial has a figure."""
    parameters = parameters_of(table.trials, table.keys)
    if not table.ranked or not parameters:
        return None
    sheet = Sheet.of(max(WIDTH, AXIS * (len(parameters) + 1)), HEIGHT, heading, says)
    axes = sheet.axes(0.75, 0.2, sheet.canvas.get_figwidth() - 1.6, HEIGHT - 0.75)
    axes.set_axis_off()
    axes.set_xlim(0, len(parameters))
    axes.set_ylim(-0.06, 1.06)
    objective = table.objectives[0]
    limits = axis_limits_of([trial.mean() or 0.0 for trial in table.ranked], objective.mode)
    for place, parameter in enumerate(parameters):
        _axis(axes, place, parameter.name, _labels(parameter), "right")
    _axis(axes, len(parameters), objective.name, _figure_labels(limits, objective.mode), "left")
    heights = np.column_stack([_spread(parameter) for parameter in parameters])
    placed = ranks(table)
    width = next((width for most, width in LINE_WIDTHS if len(table.trials) <= most), THINNEST)
    for row, trial in reversed(list(enumerate(table.trials))):
        mean = trial.mean()
        if mean is None:
            _line(axes, heights[row], SOFT, 0.6 * width, dashed=True)
            continue
        path = [*heights[row], _unit(limits, float(limits.clipped([mean])[0]), objective.mode)]
        if trial is table.best:
            _line(axes, path, PAPER, 5.0, order=3)
            _line(axes, path, COLOURS[1], 2.6, order=3)
        else:
            _line(axes, path, scale_colour(placed[trial.number]), width)
    return sheet.canvas


def _axis(axes: Axes, x: float, name: str, labels: Sequence[tuple[float, str]], side: str) -> None:
    axes.plot([x, x], [-0.02, 1.02], color=LINE, linewidth=1.4, zorder=0)
    heading = name.replace(".", ".\n", 1) if len(name) > MOST_LETTERS else name
    axes.text(x, 1.12, heading, color=INK, size=9.5, ha="center", va="bottom")
    shift, alignment = (-6, "right") if side == "right" else (6, "left")
    for height, text in labels:
        axes.annotate(
            text,
            (x, height),
            xytext=(shift, 0),
            textcoords="offset points",
            size=8.5,
            color=SOFT,
            ha=alignment,
            va="center",
            zorder=5,
            bbox={"facecolor": PAPER, "edgecolor": "none", "alpha": 0.82, "pad": 0.8},
        )


def _labels(parameter: Parameter) -> list[tuple[float, str]]:
    """Heights and texts: of every level if they are few, else of round numbers."""
    if parameter.is_by_level:
        heights = dict(zip(parameter.labels, _heights(parameter), strict=True))
        shown = parameter.levels[:: -(-len(parameter.levels) // MOST_LEVELS)]
        return [(heights[label], label) for label in shown]
    low, high = float(np.nanmin(parameter.positions)), float(np.nanmax(parameter.positions))
    words = round_logarithms(low, high) if parameter.is_log else [(n, short_number(n)) for n in ticks(low, high)]
    begin = ABSENT_ROOM if parameter.is_partial else 0.0
    labels = [(begin + (1 - begin) * (n - low) / (high - low), text) for n, text in words if low <= n <= high]
    return [*([(0.0, ABSENT)] if parameter.is_partial else []), *labels]


def _figure_labels(limits: AxisLimits, mode: str) -> list[tuple[float, str]]:
    if limits.is_log:
        words = [(10.0**n, text) for n, text in round_logarithms(np.log10(limits.low), np.log10(limits.high))]
    else:
        words = [(n, short_number(n)) for n in ticks(limits.low, limits.high)]
    return [(_unit(limits, n, mode), text) for n, text in words if limits.low <= n <= limits.high]


def _unit(limits: AxisLimits, value: float, mode: str) -> float:
    """The height of a figure, from 0 for the worst shown to 1 for the best."""
    return limits.share(value) if mode == MAX else 1.0 - limits.share(value)


def _heights(parameter: Parameter) -> np.ndarray:
    """Heights from 0 to 1; absent numbers are below the others."""
    if parameter.is_by_level:
        places = np.array([parameter.levels.index(label) for label in parameter.labels], dtype=np.float64)
        return places / max(1, len(parameter.levels) - 1) if parameter.differs else places + 0.5
    positions = parameter.positions
    begin = ABSENT_ROOM if parameter.is_partial else 0.0
    heights = begin + (1 - begin) * (positions - np.nanmin(positions)) / (np.nanmax(positions) - np.nanmin(positions))
    return np.nan_to_num(heights, nan=0.0)


def _spread(parameter: Parameter) -> np.ndarray:
    """Heights with trials of equal value side by side, the best on top."""
    heights = _heights(parameter)
    if not parameter.is_by_level:
        return heights
    width = min(SPREAD, 0.35 / len(parameter.levels))
    for label in parameter.levels:
        rows = [row for row, own in enumerate(parameter.labels) if own == label]
        if len(rows) > 1:
            heights[rows] += np.linspace(width, -width, len(rows))
    return heights


def _line(
    axes: Axes, heights: Sequence[float], colour: str, width: float, *, dashed: bool = False, order: int = 2
) -> None:
    """A smooth line through one height per axis, horizontal at each axis."""
    points, codes = [(0.0, heights[0])], [Outline.MOVETO]
    for x, (one, other) in enumerate(pairwise(heights)):
        points += [(x + 0.5, one), (x + 0.5, other), (x + 1.0, other)]
        codes += [Outline.CURVE4] * 3
    style = (0, (3, 2.5)) if dashed else "solid"
    axes.add_patch(
        PathPatch(
            Outline(points, codes),
            facecolor="none",
            edgecolor=colour,
            linewidth=width,
            linestyle=style,
            alpha=0.5 if dashed else 0.9,
            zorder=1 if dashed else order,
        )
    )
