"""Tables of captions: CSV with any usual separator, and JSON lines.

One line is one row. A quoted caption may not span lines: an unclosed quote would swallow the rows after it, without a
word. The line is a fault then, and the others are read.
"""

import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from diptych.data.caption_files.documents import parsed
from diptych.data.caption_files.entries import rows_of_entry
from diptych.data.caption_files.foreign import DOWNLOAD, has_addresses_alone
from diptych.data.caption_files.rows import (
    CAPTION_COLUMNS,
    FILE_COLUMNS,
    ID_COLUMNS,
    PICTURE_SUFFIXES,
    CaptionRows,
    Fault,
    column_name,
    did_you_mean,
    row_of,
)
from diptych.data.caption_files.text import shown, text_lines

RowsOf = Callable[[Any, str], CaptionRows]
"""Of an object and its place."""
COLUMNS_SHOWN, COLUMN_SHOWN = 20, 60
SEPARATORS = (",", ";", "\t", "|")
EXCEL_SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)
HEADERS = (
    {"image_name": "file_name", "comment_number": "comment_number", "comment": "text"},
    {"filepath": "file_name", "title": "text"},
)
"""The columns of Flickr30k's results.csv saved with another separator, and those of open_clip, by our names."""

REASONS = {
    "unexpected end of data": "a quote opens and does not close; one row is one line",
    "expected after": 'text follows a closing quote; double the quotes within a caption: ""',
}


def json_lines(path: Path, rows_of: RowsOf = rows_of_entry) -> CaptionRows:
    """The rows of each line, an object."""
    for number, line in text_lines(path):
        place = f"{path.name}:{number}"
        try:
            entry = parsed(line)
        except ValueError as error:
            yield Fault("malformed_lines", f"{place} ({getattr(error, 'msg', error)})")
        else:
            yield from rows_of(entry, place)


def separated(path: Path, rows_of: RowsOf = row_of, said_by: Sequence[str] = CAPTION_COLUMNS) -> CaptionRows:
    """The rows of each line below the header, whose columns also show what separates them.

    One of the columns `said_by` must be there.
    """
    rows = text_lines(path)
    _, header = next(rows)
    if EXCEL_SEPARATOR.fullmatch(header.strip()):
        _, header = next(rows, (0, ""))
    separator = separator_of(header, said_by)
    if separator is None:
        raise ValueError(_unknown_columns(path, header, said_by))
    columns = _renamed(_fields(header, separator))
    for number, line in rows:
        place = f"{path.name}:{number}"
        try:
            fields = _fields(line, separator)
            if len(fields) != len(columns):
                raise csv.Error(_wrong_number(fields, columns))
        except csv.Error as error:
            yield Fault("malformed_lines", f"{place} ({_reason(error)})", line.split(separator)[0].strip())
        else:
            yield from rows_of(dict(zip(columns, fields, strict=True)), place)


def separator_of(header: str, said_by: Sequence[str] = CAPTION_COLUMNS) -> str | None:
    """What separates the columns of a header with pictures and what is said of them; None if it is no such header."""
    return next((separator for separator in SEPARATORS if _is_header(_names(header, separator), said_by)), None)


def _is_header(names: Sequence[str], said_by: Sequence[str]) -> bool:
    known = set(map(column_name, _renamed(names)))
    return bool(known & {*FILE_COLUMNS, *ID_COLUMNS}) and bool(known & set(map(column_name, said_by)))


def _renamed(names: Sequence[str]) -> list[str]:
    """The columns of a header that is known as a whole, by our names; others as they are."""
    given = {column_name(name) for name in names}
    ours = next((header for header in HEADERS if header.keys() <= given), {})
    return [ours.get(column_name(name), name) for name in names]


def _fields(line: str, separator: str) -> list[str]:
    row = next(csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True))
    return [field.strip() for field in row]


def _names(header: str, separator: str) -> list[str]:
    try:
        return _fields(header, separator)
    except csv.Error:
        return []


def _unknown_columns(path: Path, header: str, said_by: Sequence[str]) -> str:
    names = max((_names(header, separator) for separator in SEPARATORS), key=len)
    if has_addresses_alone(map(column_name, names), (*FILE_COLUMNS, *ID_COLUMNS)):
        return (
            f"{path} looks like addresses of pictures (LAION, CC12M, WIT): it has the columns {_listed(names)}, and "
            f"none names a file; {DOWNLOAD}"
        )
    if names and names[0].endswith(tuple(PICTURE_SUFFIXES)):
        first = shown(header, COLUMN_SHOWN)
        return f"{path} has no header: write {FILE_COLUMNS[0]},{CAPTION_COLUMNS[0]} above its first line, {first}"
    columns = "; data.columns=[…] makes sentences of columns of values" if said_by == CAPTION_COLUMNS else ""
    absent = (known for known in (FILE_COLUMNS, said_by) if not {*map(column_name, names)} & {*known})
    hints = [did_you_mean(names, known) for known in absent]
    return (
        f"{path} has the columns {_listed(names)}; it needs {FILE_COLUMNS[0]} and {said_by[0]} in its first "
        f"line{''.join(hints)}{columns}"
    )


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(shown(name, COLUMN_SHOWN) for name in names[:COLUMNS_SHOWN])
    return listed if len(names) <= COLUMNS_SHOWN else f"{listed}, …"


def _wrong_number(fields: Sequence[str], columns: Sequence[str]) -> str:
    cause = ": quote captions with commas" if len(fields) > len(columns) else ""
    return f"fields: {len(fields)}, columns: {len(columns)}{cause}"


def _reason(error: csv.Error) -> str:
    return next((reason for words, reason in REASONS.items() if words in str(error)), str(error))
