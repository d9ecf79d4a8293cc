"""The main table of a comparison with the digits for a paper, as cells of text: Markdown and LaTeX show the same."""

from diptych.metrics.statistics import Interval
from diptych.reports.comparison.comparison import Cell, Comparison
from diptych.reports.page.tables import number

NOTHING = "-"
FIGURE, GROUP, MEAN, INTERVAL, OVER, METHOD, INTERVAL_OF_BOTH, DIFFERENCE, P, P_HOLM, VERDICT = HEADER = (
    "figure",
    "group",
    "mean",
    "95 % interval",
    "over",
    "method",
    "new contents too",
    "difference",
    "p",
    "p (Holm)",
    "verdict",
)


def rows_of(comparison: Comparison) -> list[tuple[str, ...]]:
    """A row for each figure of each group, with a cell for each column of `HEADER`."""
    return [
        (row.name, group.label, *_cells(cell, row.percent))
        for row in comparison.rows
        for group, cell in zip(comparison.groups, row.cells, strict=True)
    ]


def _difference(cell: Cell, percent: bool) -> str:
    if cell.contrast is None:
        return NOTHING
    return f"{100 * cell.contrast.difference:+.1f}" if percent else f"{cell.contrast.difference:+.3g}"


def _cells(cell: Cell, percent: bool) -> tuple[str, ...]:
    p_values = (cell.contrast and cell.contrast.p, cell.p)
    return (
        number(cell.mean, percent=percent),
        _ends(cell.interval, percent),
        f"{cell.interval.n:,} {cell.interval.over}" if cell.interval else NOTHING,
        cell.interval.method if cell.interval else NOTHING,
        _ends(cell.interval_over_both, percent),
        _difference(cell, percent),
        *(NOTHING if p is None else f"{p:.4f}" for p in p_values),
        cell.verdict or NOTHING,
    )


def _ends(interval: Interval | None, percent: bool) -> str:
    if interval is None:
        return NOTHING
    low, high = interval.ends
    return f"{100 * low:.1f} to {100 * high:.1f}" if percent else f"{low:.3g} to {high:.3g}"
