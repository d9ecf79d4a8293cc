"""The list of pictures and tables that a record contains, so that a resumed run's new record can repeat them."""

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from diptych.tracking.base import Cell

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """A picture file, as a tracker received it."""

    name: str
    images: int
    file: Path
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """A table, as a tracker received it."""

    name: str
    images: int
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


Exhibit = Picture | Table


@dataclass
class Exhibits:
    """A JSON-lines file beside the record, with relative paths, so that a run folder can be moved."""

    path: Path = Path()
    shown: list[Exhibit] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path, up_to: int | None) -> Self:
        """The list at `path`, up to `up_to` images; empty for None."""
        shown = _whole_lines(path) if path.exists() and up_to is not None else []
        exhibits = cls(path, [exhibit for exhibit in shown if exhibit.images <= (up_to or 0)])
        path.write_text("".join(map(exhibits._line, exhibits.shown)), encoding="utf-8")
        return exhibits

    def add(self, exhibit: Exhibit) -> None:
        """Append one exhibit and write it at once."""
        self.shown.append(exhibit)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(self._line(exhibit))

    def _line(self, exhibit: Exhibit) -> str:
        return json.dumps(_to_plain(vars(exhibit), self.path.parent), ensure_ascii=False) + "\n"


def _whole_lines(path: Path) -> list[Exhibit]:
    """The exhibits of all readable lines; a line that a crash or a full disk damaged is left out."""
    *lines, _ = path.read_bytes().split(b"\n")
    shown = [exhibit for line in lines if (exhibit := _from_line(line, path.parent)) is not None]
    if len(shown) < len(lines):
        _log.warning("%s: damaged lines are left out (%d of %d)", path, len(lines) - len(shown), len(lines))
    return shown


def _from_line(line: bytes, folder: Path) -> Exhibit | None:
    try:
        return _from_plain(json.loads(line), folder)
    except (ValueError, TypeError, AttributeError):
        return None


def _to_plain(value: Any, folder: Path) -> Any:
    """Paths become `{"path": relative to the folder}`."""
    if isinstance(value, Path):
        return {"path": os.path.relpath(value, folder)}
    if isinstance(value, dict):
        return {name: _to_plain(inner, folder) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(inner, folder) for inner in value]
    return value


def _from_plain(entry: dict[str, Any], folder: Path) -> Exhibit:
    values = {name: _with_paths(value, folder) for name, value in entry.items()}
    return Picture(**values) if "file" in values else Table(**values)


def _with_paths(value: Any, folder: Path) -> Any:
    if isinstance(value, dict):
        return folder / value["path"]
    return [_with_paths(inner, folder) for inner in value] if isinstance(value, list) else value
