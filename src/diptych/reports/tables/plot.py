"""A table as a plot: the main figure of each row against the core-minutes that it took."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from diptych.reports.page.theme import COLOURS, INK, SOFT, STYLE, Sheet, plain_axes, saved_light
from diptych.reports.tables.declaration import Table
from diptych.reports.tables.measured import Measured

WIDTH, LEAST_HEIGHT, LINE_HEIGHT = 8.4, 3.2, 0.19
LEFT, BOTTOM, RIGHT = 0.85, 0.5, 3.1
MARGIN = 0.12
LEGEND = "bars: 95 % intervals, over seeds where there are several, else over examples"
TWO_KINDS = "blue: knows nothing of objects · orange: object-aware · bars: 95 % intervals, over seeds or examples"


def write_plot(table: Table, methods: Sequence[Measured], path: Path) -> Path:
    """A dot a row, named at the right; colours tell rows that know of objects from the others."""
    figure = table.figures[0]
    shown = [m for m in methods if m.mean(figure) is not None and m.core_minutes]
    known = next(r.figures[figure] for r in shown[0].records if figure in r.figures)
    height = max(LEAST_HEIGHT, BOTTOM + LINE_HEIGHT * (len(shown) + 1))
    says = TWO_KINDS if any(method.knows_objects for method in shown) else LEGEND
    with mpl.rc_context(STYLE):
        sheet = Sheet.of(WIDTH, height, table.title, says)
        axes = sheet.axes(LEFT, BOTTOM, WIDTH - LEFT - RIGHT, height - BOTTOM)
        low, high = _limits(axes, shown, figure)
        shares = [((method.mean(figure) or 0.0) - low) / (high - low) for method in shown]
        places = spread(shares, LINE_HEIGHT / (height - BOTTOM))
        for method, place in zip(shown, places, strict=True):
            _dot(axes, method, figure, place)
        if known["percent"]:
            axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
        axes.set_xlabel("core-minutes of a run")
        axes.set_ylabel(known["name"])
        plain_axes(axes, grid="both")
        return saved_light(sheet.canvas, path)


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Places from 0 to 1 with at least `gap` between neighbours, in the same order and near to where they were."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = [places[i] for i in order]
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    above = max(0.0, moved[-1] - 1.0) if moved else 0.0
    ceiling = moved[-1] - above if moved else 0.0
    for i in reversed(range(len(moved))):
        moved[i] = min(moved[i], ceiling)
        ceiling = moved[i] - gap
    return [moved[order.index(i)] for i in range(len(places))]


def _dot(axes: Axes, method: Measured, figure: str, place: float) -> None:
    colour = COLOURS[int(method.knows_objects)]
    minutes, value, ends = method.core_minutes, method.mean(figure), method.ends(figure)
    assert minutes is not None
    assert value is not None
    if ends:
        axes.vlines(minutes, *ends, color=colour, linewidth=2.6, alpha=0.4)
    axes.plot(minutes, value, "o", color=colour, markersize=7)
    name_at_right(axes, method.name, (minutes, value), place)


def name_at_right(axes: Axes, name: str, point: tuple[float, float], place: float, size: int = 9) -> None:
    """The name of a point beside the axes, at this share of their height, with a thin line between."""
    axes.annotate(
        name,
        point,
        (1.04, place),
        textcoords="axes fraction",
        va="center",
        size=size,
        color=INK,
        annotation_clip=False,
        arrowprops={"arrowstyle": "-", "color": SOFT, "linewidth": 0.5, "shrinkA": 2, "shrinkB": 4},
    )


def _limits(axes: Axes, methods: Sequence[Measured], figure: str) -> tuple[float, float]:
    """From zero core-minutes, and around all values and intervals; the limits of the figure."""
    known = [end for method in methods for end in (method.mean(figure), *(method.ends(figure) or ()))]
    values = [value for value in known if value is not None]
    room = MARGIN * ((max(values) - min(values)) or 1.0)
    low, high = min(values) - room, max(values) + room
    axes.set_ylim(low, high)
    axes.set_xlim(0, 1.1 * max(method.core_minutes or 0.0 for method in methods))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    return low, high
