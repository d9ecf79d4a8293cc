"""Plots of a comparison, as PNG and SVG: intervals, skill profiles, learning curves."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from diptych.reports.comparison.comparison import Cell, Comparison, Row
from diptych.reports.comparison.curves import Curve, band_of
from diptych.reports.comparison.skills import ManyAsOne
from diptych.reports.comparison.text import title
from diptych.reports.page.curves import short_number
from diptych.reports.page.theme import COLOURS, INK, LINE, PAPER, SOFT, STYLE, TITLE_FONT, plain_axes, saved

WIDTH = 9.0
TITLE, LEGEND_LINE, ROW, FOOT = 0.66, 0.26, 0.19, 0.76
"""Heights in inches: of the title, a legend line, a group's line, and the foot."""
PLOT, PROFILE = 2.7, 3.2
LETTERS = 100
"""The letters that fit into one line of the legend."""
INTERVALS_LEGEND = "dots: means · bars: 95 % intervals, over what the table names · rings: runs"
PROFILES_LEGEND = "shades: 95 % of resamples of whole runs, pointwise; too narrow for few runs"
CURVES_LEGEND = "thick: means over seeds · thin: runs · shades: 95 % intervals of the means, Student's t"


def write_intervals(comparison: Comparison, path: Path) -> list[Path]:
    """Plot each group's mean as a dot, its interval as a bar and its runs as rings; rates only."""
    rows = [row for row in comparison.rows if row.percent]
    labels = [group.label for group in comparison.groups]
    step = len(labels) + 1
    with mpl.rc_context(STYLE):
        canvas = _canvas(title(comparison), labels, len(rows) * step * ROW, INTERVALS_LEGEND)
        axes = _axes(canvas, 0.30, 0.66, len(rows) * step * ROW)
        for i, row in enumerate(rows):
            axes.axhline(1 - i * step, color=LINE, linewidth=0.8)
            for j, cell in enumerate(row.cells):
                _interval(axes, cell, -i * step - j, COLOURS[j % len(COLOURS)])
        axes.set_ylim(1 - len(rows) * step, 1)
        axes.set_yticks([-i * step - (len(labels) - 1) / 2 for i in range(len(rows))], [row.name for row in rows])
        axes.set_xlim(*_round_about(_ends_of(rows)))
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(_as_percent)
        plain_axes(axes, grid="x")
        axes.tick_params(axis="y", labelcolor=INK)
        return saved(canvas, path)


def write_quality(curves: Mapping[str, Sequence[Curve]], name: str, path: Path) -> list[Path]:
    """Plot one validation figure by group, against images (left) and seconds of training (right)."""
    with mpl.rc_context(STYLE):
        canvas = _canvas(f"{name} in training", list(curves), PLOT, CURVES_LEGEND)
        left = _axes(canvas, 0.08, 0.43, PLOT)
        right = _axes(canvas, 0.545, 0.43, PLOT)
        for j, group in enumerate(curves.values()):
            colour = COLOURS[j % len(COLOURS)]
            _lines(left, [(curve.images, curve.values) for curve in group], colour)
            _lines(right, [(curve.seconds, curve.values) for curve in group], colour)
        for axes, label in ((left, "images"), (right, "seconds of training")):
            axes.set_xlim(left=0)
            axes.set_ylim(*_limits(curves))
            axes.set_xlabel(label)
            axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
            axes.xaxis.set_major_formatter(lambda value, _: short_number(value))
            plain_axes(axes, grid="y")
        right.tick_params(labelleft=False)
        return saved(canvas, path)


def write_profiles(skills: ManyAsOne, labels: Sequence[str], heading: str, path: Path) -> list[Path]:
    """Plot the share of a group's runs and skills above each rate, with its band."""
    with mpl.rc_context(STYLE):
        canvas = _canvas(heading, labels, PROFILE, PROFILES_LEGEND)
        axes = _axes(canvas, 0.09, 0.88, PROFILE)
        for j, profile in enumerate(skills.profiles()):
            colour = COLOURS[j % len(COLOURS)]
            axes.step(profile.thresholds, profile.share, where="post", color=colour, linewidth=2.2)
            axes.fill_between(
                profile.thresholds, profile.low, profile.high, step="post", color=colour, alpha=0.13, linewidth=0
            )
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
            axis.set_major_formatter(_as_percent)
        axes.set_xlim(*_round_about(rate for scores in skills.scores for rate in scores.flat))
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlabel("GenEval's rate of a skill")
        axes.set_ylabel("runs and skills above it")
        plain_axes(axes, grid="y")
        return saved(canvas, path)


def _canvas(heading: str, labels: Sequence[str], content: float, says: str) -> Canvas:
    """A figure with a heading, a legend of the groups, and room for `content` inches."""
    columns = max(1, LETTERS // (max(map(len, labels)) + 5))
    lines = -(-len(labels) // columns)
    height = TITLE + lines * LEGEND_LINE + content + FOOT
    canvas = Canvas(figsize=(WIDTH, height))
    canvas.text(0.02, 1 - 0.34 / height, heading, fontdict=TITLE_FONT, va="center")
    canvas.text(0.98, 0.12 / height, says, color=SOFT, size=8, ha="right", va="bottom")
    marks = [Line2D([], [], marker="o", linestyle="", color=COLOURS[j % len(COLOURS)]) for j in range(len(labels))]
    canvas.legend(
        marks,
        labels,
        ncols=columns,
        loc="upper left",
        bbox_to_anchor=(0.012, 1 - 0.5 / height),
        frameon=False,
        labelcolor=SOFT,
        handlelength=0.8,
        handletextpad=0.4,
        columnspacing=1.6,
    )
    return canvas


def _axes(canvas: Canvas, left: float, width: float, content: float) -> Axes:
    """Axes of `content` inches' height, above the foot."""
    height = canvas.get_figheight()
    return canvas.add_axes((left, FOOT / height, width, content / height))


def _lines(axes: Axes, lines: Sequence[tuple[np.ndarray, np.ndarray]], colour: str) -> None:
    """Draw each run thin, their mean thick, and the mean's interval as a shade."""
    band = band_of(lines)
    axes.plot(band.x, band.mean, color=colour, linewidth=2.2, marker="o" if len(band.x) < 12 else None, markersize=4.5)
    if len(lines) > 1:
        axes.fill_between(band.x, band.low, band.high, color=colour, alpha=0.13, linewidth=0)
        for x, y in lines:
            axes.plot(x, y, color=colour, linewidth=0.8, alpha=0.55)


def _interval(axes: Axes, cell: Cell, height: float, colour: str) -> None:
    if cell.mean is None:
        return
    if cell.interval is not None:
        axes.hlines(height, *cell.interval.ends, color=colour, linewidth=2.6, alpha=0.4)
    runs = [value for value in cell.values if value is not None]
    if len(runs) > 1:
        axes.plot(runs, [height] * len(runs), "o", markersize=4, markerfacecolor=PAPER, markeredgecolor=colour)
    axes.plot(cell.mean, height, "o", color=colour, markersize=7)


def _ends_of(rows: Sequence[Row]) -> list[float]:
    """All means and interval ends."""
    ends = [
        x for row in rows for cell in row.cells for x in (*(cell.interval.ends if cell.interval else ()), cell.mean)
    ]
    return [x for x in ends if x is not None]


def _round_about(rates: Iterable[float]) -> tuple[float, float]:
    """Round numbers below and above all rates."""
    known = list(rates)
    return np.floor(10 * min(known)) / 10 - 0.01, np.ceil(10 * max(known)) / 10 + 0.01


def _limits(curves: Mapping[str, Sequence[Curve]]) -> tuple[float, float]:
    """Limits around the runs' values; a wide interval of few runs may exceed them."""
    values = np.concatenate([curve.values for group in curves.values() for curve in group])
    margin = 0.08 * (np.ptp(values) or 1.0)
    return float(values.min() - margin), float(values.max() + margin)


def _as_percent(value: float, _: float) -> str:
    return f"{100 * value:.4g} %"
