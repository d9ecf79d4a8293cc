"""Tables of captions: CSV with any usual separator, JSON lines, and Flickr8k's lines.

One line is one row. A quoted caption may not span lines: an unclosed quote would swallow the rows after it, without a
word. The line is a fault then, and the others are read.
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from diptych.data.caption_files.documents import parsed
from diptych.data.caption_files.foreign import refuse_columns
from diptych.data.caption_files.rows import (
    CAPTION_COLUMNS,
    FILE_COLUMNS,
    ID_COLUMNS,
    PICTURE_SUFFIXES,
    CaptionRow,
    CaptionRows,
    Fault,
    column_name,
    did_you_mean,
    row_of,
)
from diptych.data.caption_files.text import text_lines

SEPARATORS = (",", ";", "\t", "|")
EXCEL_SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)
REASONS = {
    "unexpected end of data": "a quote opens and does not close; one row is one line",
    "expected after": 'text follows a closing quote; double the quotes within a caption: ""',
}


def json_lines(path: Path) -> CaptionRows:
    """A row of each line, an object."""
    for number, line in text_lines(path):
        place = f"{path.name}:{number}"
        try:
            entry = parsed(line)
        except ValueError as error:
            yield Fault("malformed_lines", f"{place} ({getattr(error, 'msg', error)})")
        else:
            yield from row_of(entry, place)


def flickr_lines(path: Path) -> CaptionRows:
    """A row of each line `name.jpg#k<TAB>caption`."""
    for number, line in text_lines(path):
        place = f"{path.name}:{number}"
        identity, tab, caption = line.partition("\t")
        file, mark, _ = identity.rpartition("#")
        if tab and mark and file:
            yield CaptionRow(place, file, caption, identity)
        else:
            yield Fault("malformed_lines", f"{place} (not name#k<TAB>caption)")


def separated(path: Path) -> CaptionRows:
    """A row of each line below the header, whose columns also show what separates them."""
    rows = text_lines(path)
    _, header = next(rows)
    if EXCEL_SEPARATOR.fullmatch(header.strip()):
        _, header = next(rows, (0, ""))
    separator = separator_of(header)
    if separator is None:
        raise ValueError(_unknown_columns(path, header))
    columns = _fields(header, separator)
    for number, line in rows:
        place = f"{path.name}:{number}"
        try:
            fields = _fields(line, separator)
            if len(fields) != len(columns):
                raise csv.Error(_wrong_number(fields, columns))
        except csv.Error as error:
            yield Fault("malformed_lines", f"{place} ({_reason(error)})", line.split(separator)[0].strip())
        else:
            yield from row_of(dict(zip(columns, fields, strict=True)), place)


def separator_of(header: str) -> str | None:
    """What separates the columns of a header with captions of pictures; None if it is no such header."""
    return next((separator for separator in SEPARATORS if _is_header(_names(header, separator))), None)


def _is_header(names: Sequence[str]) -> bool:
    known = set(map(column_name, names))
    return bool(known & {*FILE_COLUMNS, *ID_COLUMNS}) and bool(known & set(CAPTION_COLUMNS))


def _fields(line: str, separator: str) -> list[str]:
    row = next(csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True))
    return [field.strip() for field in row]


def _names(header: str, separator: str) -> list[str]:
    try:
        return _fields(header, separator)
    except csv.Error:
        return []


def _unknown_columns(path: Path, header: str) -> str:
    names = max((_names(header, separator) for separator in SEPARATORS), key=len)
    refuse_columns(path, names)
    if names and names[0].endswith(tuple(PICTURE_SUFFIXES)):
        return f"{path} has no header: write {FILE_COLUMNS[0]},{CAPTION_COLUMNS[0]} above its first line, {header[:60]}"
    absent = (known for known in (FILE_COLUMNS, CAPTION_COLUMNS) if not {*map(column_name, names)} & {*known})
    hints = [did_you_mean(names, known) for known in absent]
    return (
        f"{path} has the columns {', '.join(names)}; it needs {FILE_COLUMNS[0]} and {CAPTION_COLUMNS[0]} in its first "
        f"line{''.join(hints)}"
    )


def _wrong_number(fields: Sequence[str], columns: Sequence[str]) -> str:
    cause = ": quote captions with commas" if len(fields) > len(columns) else ""
    return f"fields: {len(fields)}, columns: {len(columns)}{cause}"


def _reason(error: csv.Error) -> str:
    return next((reason for words, reason in REASONS.items() if words in str(error)), str(error))
