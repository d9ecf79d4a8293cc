"""Columns of text on a terminal of 80."""

from collections.abc import Sequence

COLUMNS = 80
SIGNIFICANT = (".3g", ".2g", ".1g")


def table_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """The first cell to the left, the others to the right of their columns."""
    first, *others = zip(cells, widths, strict=True)
    return (first[0].ljust(first[1]) + "".join(cell.rjust(width) for cell, width in others)).rstrip()


def fitting(numbers: Sequence[float], widest: int, formats: Sequence[str] = SIGNIFICANT) -> str:
    """One number, or two as `low to high`, in the first of the formats in which they fit."""
    texts = [" to ".join(f"{number:{one}}" for number in numbers) for one in formats]
    return next((text for text in texts if len(text) <= widest), texts[-1].replace(" to ", "…"))


def shortened(text: str, most: int) -> str:
    """At most so many letters, the last one an ellipsis where some are missing."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def cut_in_the_middle(name: str, width: int) -> str:
    """The name without its middle, since both ends matter: `generator…mizer.lr`."""
    if len(name) <= width:
        return name
    end = (width - 1) // 2
    return f"{name[: width - 1 - end]}…{name[len(name) - end :]}"
