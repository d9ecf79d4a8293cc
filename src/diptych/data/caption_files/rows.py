"""What every caption file is read into: rows, each with its place in the file, and faults.

The columns have one order of preference for all files and all commands. Case, spaces and hyphens in their names do not
matter: `File Name` is `file_name`.
"""

import difflib
import posixpath
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

FILE_COLUMNS = (
    *("file_name", "image", "filename", "file"),
    *("image_name", "image_file", "image_path", "file_path", "filepath"),
)
CAPTION_COLUMNS = ("text", "caption", "captions", "sentence", "description")
ID_COLUMNS = ("image_id", "id")
SPLIT_COLUMN = "split"
KNOWN_COLUMNS = frozenset((*FILE_COLUMNS, *CAPTION_COLUMNS, *ID_COLUMNS, SPLIT_COLUMN))
PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"))
NEARNESS = 0.6
NAMES_COMPARED = 50
SHOWN = 60


@dataclass(frozen=True, slots=True)
class CaptionRow:
    """One caption of one picture (None for a picture without captions), at `place` in its file.

    A picture has a `file`, relative to the pictures' folder, or a `picture_id`, or both. A `picture_id` must always
    belong to the same file; `identity` must be unique in a data set (None where captions have no ids).
    """

    place: str
    file: str | None
    caption: str | None
    identity: str | None
    split: str | None = None
    picture_id: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A problem in the data: its kind (one of `faults.KINDS`), the name of the faulty item, its picture if known."""

    kind: str
    name: str
    file: str | None = None


CaptionRows = Iterator[CaptionRow | Fault]


def row_of(entry: Any, place: str) -> CaptionRows:
    """The captions in one row of a table: a picture with one caption or a list of captions."""
    try:
        columns = columns_of(entry)
        file, picture_id = _file(columns), id_text(first(columns, ID_COLUMNS))
        if file is None and picture_id is None:
            raise ValueError(f"no {FILE_COLUMNS[0]}{did_you_mean(columns, FILE_COLUMNS)}")
        if file is None and without_suffix(picture_id or "") != (picture_id or ""):
            file = picture_id  # AI Challenger's ids are files
        captions = _captions(columns)
    except ValueError as error:
        yield Fault("malformed_lines", f"{place} ({error})")
        return
    split = _text(columns.get(SPLIT_COLUMN))
    for caption in captions:
        if caption is None or isinstance(caption, str):
            yield CaptionRow(place, file, caption, None, split, picture_id)
        else:
            yield Fault("malformed_lines", f"{place} (a caption is {brief(caption)}, which is no text)", file)


def column_name(text: str) -> str:
    """The name that a column is looked up by."""
    return "_".join(text.casefold().replace("-", " ").replace("_", " ").split())


def first(columns: Mapping[str, Any], names: Iterable[str]) -> Any:
    """The value of the first of the columns that has one."""
    return next((columns[name] for name in names if columns.get(name) is not None), None)


def id_text(value: Any) -> str | None:
    """An id as text, so that 42, 42.0 and "42" are the same picture; None if there is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise ValueError(f"the id {brief(value)}; an id is a whole number or text")
    return None if value is None else str(value).strip() or None


def picture_name(file: str) -> str:
    """A file's name relative to its folder, with forward slashes, without detours, and with composed accents (NFC)."""
    return posixpath.normpath(unicodedata.normalize("NFC", file).replace("\\", "/"))


def without_suffix(name: str) -> str:
    """A picture's name without the suffix of its format; another name stays as it is."""
    stem, suffix = posixpath.splitext(name)
    return stem if suffix.lower() in PICTURE_SUFFIXES else name


def did_you_mean(given: Iterable[str], known: Iterable[str]) -> str:
    """The known name that an unknown one is near, as the end of a message."""
    for name in islice(given, NAMES_COMPARED):
        near = difflib.get_close_matches(column_name(name), list(known), n=1, cutoff=NEARNESS)
        if near and column_name(name) not in KNOWN_COLUMNS:
            return f"; did you mean {near[0]} by {brief(name)}?"
    return ""


def brief(value: Any) -> str:
    """A value as it may stand in a message: on one line, without control characters, whatever its size and depth."""
    if isinstance(value, str):
        value = value[: 2 * SHOWN]
    try:
        shown = repr(value)
    except RecursionError:
        return f"a {type(value).__name__} of many levels"
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"


def columns_of(entry: Any) -> dict[str, Any]:
    """The values of a row by the names that they are looked up by."""
    if not isinstance(entry, Mapping):
        raise ValueError(f"{brief(entry)} is no object with {FILE_COLUMNS[0]} and {CAPTION_COLUMNS[0]}")
    columns: dict[str, Any] = {}
    for key, value in entry.items():
        name = column_name(key)
        if name in columns and name in KNOWN_COLUMNS:
            raise ValueError(f"two columns are named {name}")
        columns[name] = value
    return columns


def _file(columns: Mapping[str, Any]) -> str | None:
    file = first(columns, FILE_COLUMNS)
    if file is None or file == "":
        return None
    if not isinstance(file, str):
        raise ValueError(f"the {FILE_COLUMNS[0]} is {brief(file)}, which is no text")
    return file


def _captions(columns: Mapping[str, Any]) -> list[Any]:
    captions = first(columns, CAPTION_COLUMNS)
    if captions is None and not columns.keys() & set(CAPTION_COLUMNS):
        hint = did_you_mean(columns, CAPTION_COLUMNS)
        if hint:
            raise ValueError(f"no {CAPTION_COLUMNS[0]}{hint}")
    if isinstance(captions, list) and None in captions:
        raise ValueError("a caption is None, which is no text")
    return (captions or [None]) if isinstance(captions, list) else [captions]


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)
