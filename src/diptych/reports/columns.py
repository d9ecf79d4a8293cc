"""Columns of text on a terminal of 80."""

from collections.abc import Sequence

COLUMNS = 80


def table_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """The first cell to the left, the others to the right of their columns."""
    first, *others = zip(cells, widths, strict=True)
    return (first[0].ljust(first[1]) + "".join(cell.rjust(width) for cell, width in others)).rstrip()


def shortened(text: str, most: int) -> str:
    """At most so many letters, the last one an ellipsis where some are missing."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
