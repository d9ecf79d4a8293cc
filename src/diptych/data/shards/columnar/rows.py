"""Pictures and captions of rows, whatever table they come from: judged like the members of a tar file."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from diptych.data.caption_files.text import shown
from diptych.data.folders.checks import leaves
from diptych.data.folders.facts import facts_of_content
from diptych.data.picture_limits import MOST_PICTURE_BYTES
from diptych.data.pictures import decoders_silent
from diptych.data.shards.columnar.columns import Columns
from diptych.data.shards.contents import Contents
from diptych.data.shards.table import Place

MOST_TEXT = 1 << 26
"""Characters of all texts in a row group of Parquet or a batch of Arrow."""
ROWS_AT_ONCE = 16


class Row(NamedTuple):
    """A row of a table, with its number in the file; `texts` are None where they are not UTF-8."""

    number: int
    texts: dict[str, Any] | None
    image: Any
    path: str | None
    place: Place


def take(rows: Iterable[Row], columns: Columns, contents: Contents) -> None:
    """Put pictures and captions of the rows into the contents of their file."""
    good = [row for row in rows if _has_picture(row, contents)]
    with decoders_silent(), ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda row: facts_of_content(bytes(row.image)), good)
        for row, facts in zip(good, found, strict=True):
            place = f"{contents.name}: row {row.number}"
            texts = row.texts or {}
            name = columns.name(texts, row.path, f"{contents.name}/{row.number}")
            if leaves(name):
                contents.report("outside_paths", f"row {row.number} ({name})")
            elif contents.add(name, row.place, facts):
                contents.say(columns.rows(texts, name, place))


def texts_of(table: Any, names: Iterable[str]) -> Iterator[dict[str, Any] | None]:
    """The values of these columns, row by row; None for a row that is not UTF-8.

    A ValueError where there are too many of them: in some encodings a text stands once in a file and in many rows.
    """
    chosen, left = table.select(list(names)), MOST_TEXT
    for start in range(0, chosen.num_rows, ROWS_AT_ONCE):
        for row in _texts_in(chosen.slice(start, ROWS_AT_ONCE)):
            left -= _length(row)
            if left < 0:
                raise ValueError(f"its texts have more than {MOST_TEXT:,} characters")
            yield row


def _texts_in(part: Any) -> list[dict[str, Any] | None]:
    try:
        return part.to_pylist()
    except UnicodeDecodeError:
        return [_text_of(part.slice(row, 1)) for row in range(part.num_rows)]


def _length(value: Any) -> int:
    """The characters of all texts in a value."""
    if isinstance(value, dict | list):
        return 1 + sum(map(_length, value.values() if isinstance(value, dict) else value))
    return len(value) if isinstance(value, str | bytes) else 1


def _text_of(row: Any) -> dict[str, Any] | None:
    try:
        return row.to_pylist()[0]
    except UnicodeDecodeError:
        return None


def _has_picture(row: Row, contents: Contents) -> bool:
    if row.texts is None:
        contents.report("broken_text", f"row {row.number} (it is not UTF-8)")
        return False
    if row.image is None:
        only = f", only the path {row.path}: save the table with the pictures in it" if row.path else ""
        contents.report("missing_files", f"row {row.number} (it has no bytes of a picture{only})")
        return False
    if row.place.length > MOST_PICTURE_BYTES:
        size = f"{row.place.length:,} bytes, more than {MOST_PICTURE_BYTES:,}"
        contents.report("refused_members", f"row {row.number} ({size})")
        return False
    return True


def first_line(error: Exception) -> str:
    """What a library says of a file, as it may stand in a message."""
    return shown(str(error).partition("\n")[0])
