"""Columns of text on a terminal of 80."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

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


def text_width(text: str) -> int:
    """Columns of a terminal that the text takes: Chinese characters two, marks none."""
    return sum(map(_columns, text))


def beginning(text: str, width: int) -> str:
    """The first characters, as many as fit."""
    return "".join(_fitting(text, width))


def cut_in_the_middle(text: str, width: int) -> str:
    """The text without its middle, since both ends matter: `generator…mizer.lr`."""
    if text_width(text) <= width:
        return text
    end = "".join(_fitting(reversed(text), (width - 1) // 2))[::-1]
    return f"{beginning(text, width - 1 - text_width(end))}…{end}"


def _fitting(characters: Iterable[str], width: int) -> Iterator[str]:
    for character in characters:
        width -= _columns(character)
        if width < 0:
            return
        yield character


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
