"""metrics.csv: one row per logging event, written at once, so that a killed run loses at most the current row.

A column appears when it is first logged (`images` is the first); a cell is empty if its row does not measure it.
"""

import csv
import errno
import io
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diptych.tracking.base import RunInfo, Tracker

FILE_NAME = "metrics.csv"
_log = logging.getLogger(__name__)


def read_metrics(path: Path) -> list[dict[str, float]]:
    """The rows of a metrics file, without empty cells and without an incomplete last line."""
    if not path.exists():
        return []
    try:
        whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
        return [_numbers(row) for row in csv.DictReader(io.StringIO(whole), strict=True)]
    except (ValueError, TypeError, csv.Error) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def column_names(path: Path) -> list[str]:
    """The names of the file's figures; none if it cannot be read."""
    try:
        with path.open(encoding="utf-8") as file:
            return next(csv.reader(file), [])
    except (OSError, ValueError, csv.Error):
        return []


def read_columns(path: Path, names: Sequence[str]) -> list[dict[str, float]]:
    """Like `read_metrics`, for the columns `names` and rows with one of them: fast for many files."""
    if not path.exists():
        return []
    try:
        whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
        header, *rows = csv.reader(io.StringIO(whole), strict=True) if whole else [[]]
        places = {name: header.index(name) for name in names if name in header}
        images = header.index("images") if places else 0
        found = [(row[images], {name: row[i] for name, i in places.items() if row[i]}) for row in rows]
        return [{"images": float(count), **{k: float(v) for k, v in own.items()}} for count, own in found if own]
    except (ValueError, IndexError, csv.Error) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


class CsvTracker(Tracker):
    """Writes metrics.csv in the run folder; a resume cuts off the rows after the checkpoint."""

    def __init__(self) -> None:
        self._path = Path(FILE_NAME)
        self._columns: list[str] = []
        self._unwritten: list[dict[str, float]] = []
        self._earlier: list[dict[str, float]] | None = None  # rows that the next write puts first

    def start(self, config: Mapping[str, Any], run: RunInfo) -> None:
        self._path = run.folder / FILE_NAME
        if run.resume_images is not None:
            _cut_damaged_end(self._path)
        rows = [] if run.resume_images is None else read_metrics(self._path)
        self._earlier = [row for row in rows if row["images"] <= (run.resume_images or 0)]
        self._try_to_write()

    def log(self, metrics: Mapping[str, float], images: int) -> None:
        """Write a row; if the disk is full, keep it and try again with the next one."""
        self._unwritten.append({"images": images, **metrics})
        self._try_to_write()

    def flush(self) -> None:
        self._write_through()
        with self._path.open("rb") as file:
            os.fsync(file.fileno())

    def finish(self, status: str) -> str | None:
        self._try_to_write()
        return None

    def _try_to_write(self) -> None:
        try:
            self._write_through()
        except OSError as error:
            if len(self._unwritten) <= 1:
                _log.warning("%s cannot be written (%s); its rows stay in memory until it can", self._path, error)

    def _write_through(self) -> None:
        if self._earlier is not None or not set().union(*self._unwritten) <= set(self._columns):
            earlier = read_metrics(self._path) if self._earlier is None else self._earlier
            self._write_anew(earlier + self._unwritten)
        else:
            self._append(self._unwritten)
        self._earlier = None
        self._unwritten.clear()

    def _append(self, rows: list[dict[str, float]]) -> None:
        text = _lines(rows, self._columns).encode()
        with self._path.open("r+b", buffering=0) as file:  # a buffer would write again after the file is cut off
            end = file.seek(0, os.SEEK_END)
            try:
                if file.write(text) < len(text):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            except OSError:
                file.truncate(end)
                raise

    def _write_anew(self, rows: list[dict[str, float]]) -> None:
        columns = list(dict.fromkeys(["images", *(name for row in rows for name in row)]))
        partial = self._path.with_name(FILE_NAME + ".partial")
        try:
            with partial.open("w", encoding="utf-8") as file:
                file.write(",".join(columns) + "\n" + _lines(rows, columns))
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self._path)
        finally:
            partial.unlink(missing_ok=True)
        self._columns = columns


def _cut_damaged_end(path: Path) -> None:
    """Cut unreadable rows off the end: a power failure may leave zeros after the synced rows."""
    header, *lines = _whole_lines(path) or [b""]
    kept = len(lines)
    while kept and not _is_readable(header, lines[kept - 1]):
        kept -= 1
    if kept < len(lines) and b"images" in header.strip().split(b","):
        os.truncate(path, sum(map(len, [header, *lines[:kept]])))
        _log.warning("%s: its last lines (%d) cannot be read and are dropped", path, len(lines) - kept)


def _whole_lines(path: Path) -> list[bytes]:
    whole, end, _ = path.read_bytes().rpartition(b"\n") if path.exists() else (b"", b"", b"")
    return (whole + end).splitlines(keepends=True)


def _is_readable(header: bytes, line: bytes) -> bool:
    try:
        for row in csv.DictReader(io.StringIO((header + line).decode()), strict=True):
            _numbers(row)
    except (ValueError, TypeError, csv.Error):
        return False
    return True


def _numbers(row: Mapping[str, str]) -> dict[str, float]:
    values = {name: float(text) for name, text in row.items() if text}
    if "images" not in values:
        raise ValueError(f"the row {','.join(filter(None, row.values()))!r} has no value for images")
    return values


def _lines(rows: list[dict[str, float]], columns: list[str]) -> str:
    return "".join(",".join(_cell(row.get(column)) for column in columns) + "\n" for row in rows)


def _cell(value: float | None) -> str:
    """Nine digits hold a float32 exactly; whole numbers, such as image counts, keep all digits."""
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() else format(value, ".9g")
