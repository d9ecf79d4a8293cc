"""Read caption files of every format into rows and faults, without opening a picture.

- a table with a row per picture or per caption: JSON lines, CSV (`tables`)
- one JSON document (`documents`): COCO's, Karpathy's, lists of objects, objects from names to captions
- a line per caption with its number (`flickr`)
- a text file per picture (`text_folder`), for which the folder is given in place of a file

This is the one reader of captions: of a folder's, of those that `diptych score` compares, and of those that
`diptych caption --out` writes. The format follows from the content, not from the file's name.
"""

import posixpath
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from diptych.data.caption_files.columns import described_rows
from diptych.data.caption_files.documents import read_json
from diptych.data.caption_files.formats import rows_of_file
from diptych.data.caption_files.rows import PICTURE_SUFFIXES, CaptionRow, CaptionRows, Fault, brief, picture_name
from diptych.data.caption_files.text import fault_of, printable, read_start, text_lines
from diptych.data.caption_files.text_folder import text_folder

__all__ = [
    "CaptionRow",
    "CaptionRows",
    "Fault",
    "checked",
    "picture_name",
    "printable",
    "read_caption_file",
    "read_json",
    "read_rows",
    "text_lines",
]

MOST_NAME = 4_096
"""Characters of a path, on any system; longer ones would be kept once for each caption."""
SUFFIX = re.compile("|".join(map(re.escape, sorted(PICTURE_SUFFIXES))), re.IGNORECASE)
BETWEEN_NAMES = re.compile(r"[\s,;:|\"'()<>]+")


def read_rows(path: Path, columns: Sequence[str] | None = None) -> list[CaptionRow | Fault]:
    """The file's rows and faults; a caption that holds another picture's name has swallowed rows, and is a fault."""
    rows = list(read_caption_file(path, columns))
    names = {posixpath.basename(row.file) for row in rows if isinstance(row, CaptionRow) and row.file}
    return [_unless_swallowed(row, names) if isinstance(row, CaptionRow) else row for row in rows]


def read_caption_file(path: Path, columns: Sequence[str] | None = None) -> CaptionRows:
    """Rows and faults of a caption file or a folder of texts; a ValueError says what it is if it is neither.

    With `columns`, the sentences are made of these columns of a table.
    """
    is_empty = True
    for row in described_rows(path, columns) if columns else _rows(path):
        is_empty = False
        yield checked(row) if isinstance(row, CaptionRow) else row
    if is_empty:
        hint = ", no NAME.txt for a picture; name the file that does" if path.is_dir() else ""
        raise ValueError(f"{path} holds no captions{hint}")


def _rows(path: Path) -> CaptionRows:
    return text_folder(path) if path.is_dir() else _rows_of_file(path)


def _rows_of_file(path: Path) -> CaptionRows:
    start = read_start(path).lstrip()
    if not start:
        raise ValueError(f"{path} cannot be read: it is empty")
    return rows_of_file(path, start)


def checked(row: CaptionRow) -> CaptionRow | Fault:
    """The row with one space between words, or what is wrong with its text."""
    if row.file is not None and len(row.file) > MOST_NAME:
        return Fault("malformed_lines", f"{row.place} (the name {brief(row.file)} has {len(row.file):,} characters)")
    caption = None if row.caption is None else " ".join(row.caption.split())
    if _is_plain(caption) and _is_plain(row.file) and _is_plain(row.picture_id) and _is_plain(row.split):
        return replace(row, file=row.file and picture_name(row.file), caption=caption)
    texts = {"caption": caption, "name": row.file, "id": row.picture_id, "split": row.split}
    faults = {what: fault_of(text) for what, text in texts.items() if text}
    for what, reason in faults.items():
        if reason:
            file = None if faults.get("name") else row.file
            return Fault("broken_text", f"{row.place} (the {what} {brief(texts[what])} {reason})", file)
    return replace(row, file=row.file and picture_name(row.file), caption=caption)


def _is_plain(text: str | None) -> bool:
    return text is None or (text.isascii() and text.isprintable())


def _unless_swallowed(row: CaptionRow, names: Collection[str]) -> CaptionRow | Fault:
    if row.caption is None or not SUFFIX.search(row.caption):
        return row
    own = posixpath.basename(row.file or "")
    for word in BETWEEN_NAMES.split(row.caption):
        other = posixpath.basename(picture_name(word.rstrip(".!?")))
        if other in names and other != own and SUFFIX.search(other):
            return Fault("swallowed_rows", f"{row.place} (its caption holds {other})", row.file)
    return row
