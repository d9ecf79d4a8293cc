"""How soon each row of a board got how far: validations against core-seconds of training, all families together."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from diptych.reports.page.theme import COLOURS, STYLE, Sheet, plain_axes, saved_light
from diptych.reports.tables.declaration import Table
from diptych.reports.tables.measured import Measured
from diptych.reports.tables.plot import LINE_HEIGHT, name_at_right, spread

WIDTH, LEAST_HEIGHT = 8.4, 3.4
LEFT, BOTTOM, RIGHT = 0.85, 0.5, 3.1
LEAST_LINES = 2
SAYS = "first seed of each row; blue: knows nothing of objects · orange: object-aware"


def board_plot_name(figure: str) -> str:
    """The file of the plot of one validation figure."""
    return f"results_board_{figure.replace('/', '_')}.png"


def boards(tables: Sequence[tuple[Table, Sequence[Measured]]]) -> dict[str, list[tuple[str, Measured]]]:
    """By validation figure, the rows that have curves of it, by `table/row`."""
    found: dict[str, list[tuple[str, Measured]]] = {}
    for table, methods in tables:
        curved = [(f"{table.name}/{m.name}", m) for m in methods if table.board and m.first.curve.get("points")]
        found.setdefault(table.board, []).extend(curved)
    return {figure: rows for figure, rows in found.items() if figure and len(rows) >= LEAST_LINES}


def write_board_plots(tables: Sequence[tuple[Table, Sequence[Measured]]], folder: Path) -> list[Path]:
    """A plot for each validation figure of the tables' boards."""
    return [_write(figure, rows, folder / board_plot_name(figure)) for figure, rows in boards(tables).items()]


def _write(figure: str, rows: Sequence[tuple[str, Measured]], path: Path) -> Path:
    height = max(LEAST_HEIGHT, BOTTOM + LINE_HEIGHT * (len(rows) + 1))
    with mpl.rc_context(STYLE):
        sheet = Sheet.of(WIDTH, height, f"{figure} against core-seconds of training", SAYS)
        axes = sheet.axes(LEFT, BOTTOM, WIDTH - LEFT - RIGHT, height - BOTTOM)
        lasts = [method.first.curve["points"][-1] for _, method in rows]
        places = spread([last[2] for last in lasts], LINE_HEIGHT / (height - BOTTOM))
        for (name, method), last, place in zip(rows, lasts, places, strict=True):
            points = method.first.curve["points"]
            colour = COLOURS[int(method.knows_objects)]
            axes.plot([p[1] for p in points], [p[2] for p in points], "o-", color=colour, markersize=3, linewidth=1.2)
            name_at_right(axes, name, (last[1], last[2]), place, size=8)
        axes.set_ylim(0, 1)
        axes.set_xlim(left=0)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
        axes.set_xlabel("core-seconds of training, validations left out")
        plain_axes(axes, grid="both")
        return saved_light(sheet.canvas, path)
