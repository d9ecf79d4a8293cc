"""Which format a caption file has: the list of all, each of which knows itself by the file's first characters."""

import re
from dataclasses import dataclass
from pathlib import Path

from diptych.data.caption_files.documents import json_document, parsed
from diptych.data.caption_files.flickr import (
    NUMBERED,
    PAIR,
    flickr_lines,
    is_results_header,
    pair_lines,
    results_lines,
)
from diptych.data.caption_files.foreign import DOWNLOAD, refused
from diptych.data.caption_files.kinds import Kind, rows_of_first
from diptych.data.caption_files.rows import CaptionRows, brief
from diptych.data.caption_files.tables import json_lines, separated, separator_of

TABLES = (".csv", ".tsv")
JSON = (".json", ".jsonl")
ADDRESS = re.compile(r"https?://\S+\t.*|[^\t]*\thttps?://\S+\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Start:
    """The beginning of a file, without blank lines, and its first line."""

    path: Path
    text: str

    @property
    def line(self) -> str:
        return self.text.partition("\n")[0].rstrip("\r")

    def is_called(self, *suffixes: str) -> bool:
        """Whether the file's name has one of the suffixes, be it before another one."""
        return any(suffix in self.path.suffixes for suffix in suffixes)


def rows_of_file(path: Path, text: str) -> CaptionRows:
    """The rows of a file that begins with this text, by its format."""
    return rows_of_first(FORMATS, Start(path, text), path)


def _is_json(start: Start) -> bool:
    return start.text[0] in "{[" or start.is_called(*JSON)


def _is_json_lines(start: Start) -> bool:
    """Whether each line is an object of its own, whatever the file is called."""
    if start.text[0] not in "{[":
        return start.is_called(".jsonl") and "\n{" in start.text
    first, _, others = start.text.partition("\n")
    if first.startswith("[") or first.strip() == "{":
        return False
    if start.is_called(".jsonl"):
        return True
    try:
        parsed(first)
    except ValueError:
        return False
    return bool(others.strip())


def _is_table(start: Start) -> bool:
    return separator_of(start.line.partition("\r")[0]) is not None or start.is_called(*TABLES)


def _nothing(start: Start, path: Path) -> CaptionRows:
    raise ValueError(
        f"{path} is in no format of captions: its first line is {brief(start.line)}; write JSON lines with file_name "
        "and text, or CSV whose first line is file_name,text"
    )


FORMATS: tuple[Kind[Start, Path], ...] = (
    Kind(_is_json_lines, lambda _start, path: json_lines(path)),
    Kind(_is_json, lambda _start, path: json_document(path)),
    Kind(lambda start: bool(NUMBERED.match(start.line)), lambda _start, path: flickr_lines(path)),
    Kind(lambda start: is_results_header(start.line), lambda _start, path: results_lines(path)),
    Kind(lambda start: bool(ADDRESS.fullmatch(start.line)), refused("addresses of pictures (CC3M, CC12M)", DOWNLOAD)),
    Kind(lambda start: bool(PAIR.fullmatch(start.line)), lambda _start, path: pair_lines(path)),
    Kind(_is_table, lambda _start, path: separated(path)),
    Kind(lambda _start: True, _nothing),
)
