"""Files derived from a folder of data: made once, found again by every later run.

They lie in `.diptych` of the folder. Where that cannot be written to, they lie in `~/.cache/diptych` under a digest of
the folder's place; where $DIPTYCH_CACHE names a folder, always there. Nothing is read from them that is not verified
against what they were made from.
"""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

DERIVED, VARIABLE = ".diptych", "DIPTYCH_CACHE"
WAIT_SECONDS = 2.0
MOST_LINE_BYTES = 1 << 20
log = logging.getLogger(__name__)


def derived_folder(source: Path) -> Path:
    """The folder where what is derived from `source` is written; an OSError where none can be written to."""
    beside, in_cache = _places(source)
    places = [in_cache] if os.environ.get(VARIABLE) else [beside, in_cache]
    for folder in places:
        if _is_writable(folder):
            return folder
    raise OSError(f"{' and '.join(map(str, places))} cannot be written to; set {VARIABLE} to a folder that can")


def derived_files(source: Path, name: str) -> list[Path]:
    """The derived files of this name that there are: beside read-only data too, if somebody has made them for all."""
    return [path for folder in _places(source) if (path := folder / name).is_file()]


def cache_folder() -> Path:
    """Where files that belong to no folder of data are kept: $DIPTYCH_CACHE, by default `~/.cache/diptych`."""
    return Path(os.environ.get(VARIABLE) or Path.home() / ".cache" / "diptych")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time makes the file `path`; the others wait, and say so. A killed process holds no lock."""
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=WAIT_SECONDS)
    except Timeout:
        log.info("waiting for another run that makes %s", path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` once it is whole; no reader sees a part of it. For holders of the lock."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


class Journal:
    """Rows that were found out one after the other; what was written before a kill is read again.

    A row is a JSON list on a line of its own. A line that a kill cut off is no row.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self) -> Iterator[list[Any]]:
        """All whole rows, in the order in which they were written."""
        try:
            with self.path.open("rb") as file:
                yield from (row for line in _lines(file) if isinstance(row := _row(line), list))
        except FileNotFoundError:
            return

    def append(self, rows: Iterable[list[Any]]) -> None:
        """Write rows behind the others."""
        with self.path.open("ab") as file:
            file.write(self._end_of_torn_line() + b"".join(map(_line, rows)))

    def num_lines(self) -> int:
        """Whole or not."""
        with self.path.open("rb") as file:
            return sum(1 for _ in file)

    def replace(self, rows: Iterable[list[Any]]) -> None:
        """Keep these rows alone."""
        with replaced(self.path) as file:
            file.writelines(map(_line, rows))

    def _end_of_torn_line(self) -> bytes:
        """A line end, where a kill has left a line without one."""
        with self.path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return b""
            file.seek(-1, os.SEEK_END)
            return b"" if file.read(1) == b"\n" else b"\n"


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """A line that is too long for a row comes in parts, none of which is one."""
    while line := file.readline(MOST_LINE_BYTES):
        yield line


def _line(row: list[Any]) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def _row(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _places(source: Path) -> tuple[Path, Path]:
    """Beside the data, and in the user's cache."""
    return source / DERIVED, cache_folder() / hashlib.sha256(os.fsencode(source.resolve())).hexdigest()[:16]


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
