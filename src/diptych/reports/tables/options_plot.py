"""The first figure of a table's rows against its sampling options: a panel an option, a line a row."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from diptych.reports.page.theme import COLOURS, STYLE, Sheet, plain_axes, saved_light
from diptych.reports.tables.declaration import Table
from diptych.reports.tables.measured import Measured, curves_of

PANEL, HEIGHT, LEFT, GAP, BOTTOM, TOP = 3.9, 2.6, 0.85, 0.75, 0.55, 0.15
WIDE = 8
"""Values that span more than this ratio stand on a logarithmic axis."""


def write_options_plot(table: Table, methods: Sequence[Measured], path: Path) -> Path:
    """Draw what `curves_of` finds; values that are no numbers stand evenly."""
    curves = curves_of(table, methods)
    width = LEFT + len(curves) * PANEL + (len(curves) - 1) * GAP + 0.2
    with mpl.rc_context(STYLE):
        says = f"bars: 95 % intervals over {table.vary_num:,} examples, one run a row"
        sheet = Sheet.of(width, HEIGHT + BOTTOM + TOP, table.title, says)
        names = list(dict.fromkeys(name for rows in curves.values() for name in rows))
        for place, (option, rows) in enumerate(curves.items()):
            axes = sheet.axes(LEFT + place * (PANEL + GAP), BOTTOM, PANEL, HEIGHT)
            _panel(axes, option, rows, names)
            if place == 0:
                axes.set_ylabel(next(iter(rows.values()))[0]["name"])
            if len(rows) == max(map(len, curves.values())):
                axes.legend(frameon=False, fontsize=8)
        return saved_light(sheet.canvas, path)


def _panel(axes: Axes, option: str, rows: Mapping[str, Sequence[Mapping[str, Any]]], names: Sequence[str]) -> None:
    values = [figure["at"] for figures in rows.values() for figure in figures]
    places = _places([value for i, value in enumerate(values) if value not in values[:i]])
    for name, figures in rows.items():
        colour = COLOURS[names.index(name) % len(COLOURS)]
        across = [places[str(figure["at"])] for figure in figures]
        axes.plot(across, [figure["value"] for figure in figures], "o-", color=colour, markersize=5, label=name)
        for x, figure in zip(across, figures, strict=True):
            if "low" in figure:
                axes.vlines(x, figure["low"], figure["high"], color=colour, linewidth=2.2, alpha=0.4)
    if max(places.values()) > WIDE * min(places.values()) > 0:
        axes.set_xscale("log")
    axes.set_xticks(list(places.values()), list(places))
    axes.xaxis.set_minor_locator(NullLocator())
    if next(iter(rows.values()))[0]["percent"]:
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
    axes.set_xlabel(option)
    plain_axes(axes, grid="both")


def _places(values: Sequence[Any]) -> dict[str, float]:
    """By the value in words: numbers where they are, anything else one after the other."""
    if all(isinstance(value, int | float) for value in values):
        return {str(value): float(value) for value in values}
    return {str(value): float(place) for place, value in enumerate(values)}
