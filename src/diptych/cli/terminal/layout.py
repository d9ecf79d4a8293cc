"""Text that fits the terminal: as wide as it is (COLUMNS, or 80 where nobody says), counted in its columns.

Nothing is broken that people copy: a path, an id or a word of a command goes on past the edge rather than into pieces.
"""

import shutil
import sys
from collections.abc import Sequence

from diptych.reports.page.columns import beginning, cut_in_the_middle, text_width

LEAST_CELL = 5
GAP = "  "


def terminal_width() -> int:
    """Columns of the terminal."""
    return shutil.get_terminal_size().columns


def reading_width() -> int:
    """As `terminal_width`, but without limit where another program reads, which looks for whole lines."""
    return shutil.get_terminal_size(fallback=(sys.maxsize, 24)).columns


def wrapped(text: str, width: int, *, first: str = "", then: str = "  ") -> list[str]:
    """Lines of whole words; `first` begins the first line, `then` all others."""
    lines = [first]
    for word in text.split():
        is_empty = lines[-1] in (first, then)
        longer = lines[-1] + ("" if is_empty else " ") + word
        if is_empty or text_width(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(then + word)
    return lines


def one_line(text: str, width: int) -> str:
    """As many whole words as fit, with an ellipsis where some are missing; a first word too long is cut."""
    line = " ".join(text.split())
    if text_width(line) <= width:
        return line
    kept = beginning(line, width - 2)
    whole = kept if line[len(kept)] == " " else kept.rpartition(" ")[0]
    return f"{whole.rstrip()} …" if whole else f"{beginning(line, width - 1)}…"


def table_lines(rows: Sequence[Sequence[str]], width: int, may_shrink: Sequence[int]) -> list[str]:
    """Rows with their columns side by side; where they are too wide, the widest of `may_shrink` loses its middle."""
    widths = [max(map(text_width, column)) for column in zip(*rows, strict=True)]
    while sum(widths) + len(GAP) * (len(widths) - 1) > width:
        widest = max(may_shrink, key=lambda place: widths[place])
        if widths[widest] <= LEAST_CELL:
            break
        widths[widest] -= 1
    return [GAP.join(_cell(*pair) for pair in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cell(text: str, width: int) -> str:
    shown = cut_in_the_middle(text, width)
    return shown + " " * (width - text_width(shown))
