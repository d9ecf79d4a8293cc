"""Pictures of a comparison, PNG and SVG: every figure with its interval, and quality against images and seconds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import EngFormatter, MaxNLocator, PercentFormatter

from diptych.reports.compare import Cell, Comparison, Row
from diptych.reports.compare_curves import Curve, band_of
from diptych.reports.compare_text import title

PAPER, INK, SOFT, LINE = "#fbfaf7", "#23211d", "#6b655b", "#e5e0d6"
COLOURS = ("#2f5d9b", "#c0692a", "#4b8a6a", "#8a5a9e", "#a08a2c", "#6f7680")
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Liberation Sans", "DejaVu Sans"],
    "font.size": 10,
    "svg.hashsalt": "diptych",
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
}
TITLE_FONT: dict[str, Any] = {"family": "serif", "size": 14}
WIDTH = 9.0
ROW, HEAD, FOOT = 0.19, 1.0, 0.5
"""Inches: of one group's line, and above and below all lines."""


def write_intervals(comparison: Comparison, path: Path) -> list[Path]:
    """A dot a group at its mean, its interval as a bar, small rings for its runs; rates only."""
    rows = [row for row in comparison.rows if row.percent]
    groups = len(comparison.groups)
    height = HEAD + FOOT + len(rows) * (groups + 1) * ROW
    with mpl.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, height))
        axes = canvas.add_axes((0.30, FOOT / height, 0.66, 1 - (HEAD + FOOT) / height))
        _heading(canvas, title(comparison), [group.label for group in comparison.groups], height)
        for i, row in enumerate(rows):
            top = -i * (groups + 1)
            axes.axhline(top + 1, color=LINE, linewidth=0.8)
            for j, cell in enumerate(row.cells):
                _interval(axes, cell, top - j, COLOURS[j % len(COLOURS)])
        axes.set_ylim(-len(rows) * (groups + 1) + 0.9, 1)
        axes.set_yticks([-i * (groups + 1) - (groups - 1) / 2 for i in range(len(rows))], [row.name for row in rows])
        axes.set_xlim(*_range_of(rows))
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
        _plain_axes(axes, grid="x")
        axes.tick_params(axis="y", labelcolor=INK)
        return _saved(canvas, path)


def write_quality(curves: Mapping[str, Sequence[Curve]], name: str, path: Path) -> list[Path]:
    """One figure of validations, by group: against images on the left, against seconds of training on the right."""
    height = 4.2
    with mpl.rc_context(STYLE):
        canvas = Canvas(figsize=(WIDTH, height))
        left = canvas.add_axes((0.08, 0.14, 0.43, 0.64))
        right = canvas.add_axes((0.545, 0.14, 0.43, 0.64), sharey=left)
        _heading(canvas, f"{name} in training", list(curves), height)
        for j, group in enumerate(curves.values()):
            colour = COLOURS[j % len(COLOURS)]
            _lines(left, [(curve.images, curve.values) for curve in group], colour)
            _lines(right, [(curve.seconds, curve.values) for curve in group], colour)
        left.set_ylim(*_limits(curves))
        left.set_xlabel("images")
        right.set_xlabel("seconds of training")
        right.tick_params(labelleft=False)
        for axes in (left, right):
            axes.set_xlim(left=0)
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
            axes.xaxis.set_major_locator(MaxNLocator(6))
            _plain_axes(axes, grid="y")
        return _saved(canvas, path)


def _lines(axes: Axes, lines: Sequence[tuple[np.ndarray, np.ndarray]], colour: str) -> None:
    """Each run thin, their mean thick, the interval of the mean as a shade."""
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


def _range_of(rows: Sequence[Row]) -> tuple[float, float]:
    """From a round number below everything to a little above the highest."""
    ends = [
        x for row in rows for cell in row.cells for x in (*(cell.interval.ends if cell.interval else ()), cell.mean)
    ]
    known = [x for x in ends if x is not None]
    low = np.floor(10 * min(known, default=0)) / 10
    return max(0.0, low) - 0.01, 1.01


def _limits(curves: Mapping[str, Sequence[Curve]]) -> tuple[float, float]:
    """Around what runs reached; a wide interval of few runs may leave the picture."""
    values = np.concatenate([curve.values for group in curves.values() for curve in group])
    margin = 0.08 * (np.ptp(values) or 1.0)
    return float(values.min() - margin), float(values.max() + margin)


def _heading(canvas: Canvas, text: str, labels: Sequence[str], height: float) -> None:
    """The title, and below it the groups in their colours."""
    canvas.text(0.02, 1 - 0.32 / height, text, fontdict=TITLE_FONT, va="center")
    place = 0.02
    for j, label in enumerate(labels):
        canvas.text(place, 1 - 0.66 / height, "●", color=COLOURS[j % len(COLOURS)], va="center", family="DejaVu Sans")
        canvas.text(place + 0.018, 1 - 0.66 / height, label, va="center", color=SOFT)
        place += 0.045 + 0.0085 * len(label)


def _plain_axes(axes: Axes, grid: Literal["x", "y"]) -> None:
    for side in axes.spines.values():
        side.set_visible(False)
    axes.grid(axis=grid, color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def _saved(canvas: Canvas, path: Path) -> list[Path]:
    """As PNG and SVG; the same comparison gives the same files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files = [path.with_suffix(".png"), path.with_suffix(".svg")]
    canvas.savefig(files[0], dpi=160, metadata={"Software": None})
    canvas.savefig(files[1], metadata={"Date": None})
    return files
