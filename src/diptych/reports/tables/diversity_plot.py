"""Exactness of drawn captions against their diversity: a line a row, a point a temperature."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis

from diptych.reports.page.theme import COLOURS, STYLE, Sheet, plain_axes, saved_light
from diptych.reports.tables.declaration import Table

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 4.6, 3.2, 0.85, 0.55, 0.15

Points = Sequence[Mapping[str, Any]]


def write_diversity_plot(table: Table, curves: Mapping[str, Points], path: Path) -> Path:
    """Draw the points of every row, each with its temperature and both intervals."""
    with mpl.rc_context(STYLE):
        says = "numbers: temperatures; bars: 95 % intervals over examples, one run a row"
        sheet = Sheet.of(LEFT + WIDTH + 0.2, HEIGHT + BOTTOM + TOP, table.title, says)
        axes = sheet.axes(LEFT, BOTTOM, WIDTH, HEIGHT)
        for place, (name, points) in enumerate(curves.items()):
            _line(axes, name, points, COLOURS[place % len(COLOURS)])
        first = next(iter(curves.values()))[0]
        for axis, figure in ((axes.xaxis, first["diversity"]), (axes.yaxis, first["exactness"])):
            _label(axis, figure)
        axes.legend(frameon=False, fontsize=8)
        plain_axes(axes, grid="both")
        return saved_light(sheet.canvas, path)


def _line(axes: Axes, name: str, points: Points, colour: str) -> None:
    pairs = [(point["diversity"], point["exactness"]) for point in points]
    axes.plot([x["value"] for x, _ in pairs], [y["value"] for _, y in pairs], "o-", color=colour, ms=4, label=name)
    faint = {"color": colour, "linewidth": 2.2, "alpha": 0.4}
    for (x, y), point in zip(pairs, points, strict=True):
        if "low" in y:
            axes.vlines(x["value"], y["low"], y["high"], **faint)
        if "low" in x:
            axes.hlines(y["value"], x["low"], x["high"], **faint)
        where = {"xytext": (4, 4), "textcoords": "offset points", "fontsize": 7, "color": colour}
        axes.annotate(f"{point['at']:g}", (x["value"], y["value"]), **where)


def _label(axis: Axis, figure: Mapping[str, Any]) -> None:
    """What the figure is called, without its temperature."""
    axis.set_label_text(figure["name"].rpartition(" at ")[0])
    if figure["percent"]:
        axis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
