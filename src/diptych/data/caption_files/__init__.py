"""Read caption files of every format into rows and faults, without opening a picture.

- `metadata.jsonl`, `metadata.csv` of Hugging Face's imagefolder: a row per picture or per caption; CSV may be separated
  by commas, semicolons, tabs or bars
- COCO's captions and results, lists of objects, objects from names to captions (`documents`)
- Flickr8k's lines `name.jpg#k<TAB>caption`

This is the one reader of captions: of a folder's, of those that `diptych score` compares, and of those that
`diptych caption --out` writes. The format follows from the content, not from the file's name.
"""

import posixpath
import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from diptych.data.caption_files.documents import json_document, parsed, read_json
from diptych.data.caption_files.rows import PICTURE_SUFFIXES, CaptionRow, CaptionRows, Fault, brief, picture_name
from diptych.data.caption_files.tables import flickr_lines, json_lines, separated, separator_of
from diptych.data.caption_files.text import fault_of, printable, read_start, text_lines

__all__ = [
    "CaptionRow",
    "CaptionRows",
    "Fault",
    "picture_name",
    "printable",
    "read_caption_file",
    "read_json",
    "read_rows",
    "text_lines",
]

TABLES = (".csv", ".tsv")
FLICKR_LINE = re.compile(r"[^\t]+#[^\t#]*\t")
SUFFIX = re.compile("|".join(map(re.escape, sorted(PICTURE_SUFFIXES))), re.IGNORECASE)
BETWEEN_NAMES = re.compile(r"[\s,;:|\"'()<>]+")


def read_rows(path: Path) -> list[CaptionRow | Fault]:
    """The file's rows and faults; a caption that holds another picture's name has swallowed rows, and is a fault."""
    rows = list(read_caption_file(path))
    names = {posixpath.basename(row.file) for row in rows if isinstance(row, CaptionRow) and row.file}
    return [_unless_swallowed(row, names) if isinstance(row, CaptionRow) else row for row in rows]


def read_caption_file(path: Path) -> CaptionRows:
    """Rows and faults of a caption file, one after the other; a ValueError says what the file is if it is none."""
    start = read_start(path).lstrip()
    if not start:
        raise ValueError(f"{path} cannot be read: it is empty")
    is_empty = True
    for row in _rows(path, start):
        is_empty = False
        yield _checked(row) if isinstance(row, CaptionRow) else row
    if is_empty:
        raise ValueError(f"{path} holds no captions")


def _rows(path: Path, start: str) -> CaptionRows:
    line = start.partition("\n")[0].rstrip("\r")
    if start[0] in "{[":
        return json_lines(path) if _is_json_lines(path, start) else json_document(path)
    if any(suffix in path.suffixes for suffix in (".json", ".jsonl")):
        return json_lines(path) if ".jsonl" in path.suffixes and "\n{" in start else json_document(path)
    if FLICKR_LINE.match(line):
        return flickr_lines(path)
    if separator_of(line.partition("\r")[0]) or any(suffix in path.suffixes for suffix in TABLES):
        return separated(path)
    raise ValueError(
        f"{path} is in no format of captions: its first line is {brief(line)}; write JSON lines with file_name and "
        "text, or CSV whose first line is file_name,text"
    )


def _is_json_lines(path: Path, start: str) -> bool:
    """Whether each line is an object of its own, whatever the file is called."""
    first, _, others = start.partition("\n")
    if first.startswith("[") or first.strip() == "{":
        return False
    if ".jsonl" in path.suffixes:
        return True
    try:
        parsed(first)
    except ValueError:
        return False
    return bool(others.strip())


def _checked(row: CaptionRow) -> CaptionRow | Fault:
    """The row with one space between words, or what is wrong with its text."""
    caption = None if row.caption is None else " ".join(row.caption.split())
    texts = {"caption": caption, "name": row.file, "id": row.picture_id, "split": row.split}
    faults = {what: fault_of(text) for what, text in texts.items() if text}
    for what, reason in faults.items():
        if reason:
            file = None if faults.get("name") else row.file
            return Fault("broken_text", f"{row.place} (the {what} {brief(texts[what])} {reason})", file)
    return replace(row, file=row.file and picture_name(row.file), caption=caption)


def _unless_swallowed(row: CaptionRow, names: Collection[str]) -> CaptionRow | Fault:
    if row.caption is None or not SUFFIX.search(row.caption):
        return row
    own = posixpath.basename(row.file or "")
    for word in BETWEEN_NAMES.split(row.caption):
        other = posixpath.basename(picture_name(word.rstrip(".!?")))
        if other in names and other != own and SUFFIX.search(other):
            return Fault("swallowed_rows", f"{row.place} (its caption holds {other})", row.file)
    return row
