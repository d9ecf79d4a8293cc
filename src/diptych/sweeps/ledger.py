"""The ledger of a sweep: an append-only file with one JSON line per event, each on the disk before the next.

Readers ignore a torn last line; a writer cuts it off first.
"""

import errno
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from diptych.runs.folder.status import now

Event = dict[str, Any]
WAIT_SECONDS = 1.0
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""Errors that pass once there is room. EFBIG is not one of them: it stops a run as well, but room does not help."""
log = logging.getLogger(__name__)


class Ledger:
    """The events of one sweep. One process writes at a time; any number read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, event: str, **values: Any) -> Event:
        """Append an event with the present time, on the disk at return; waits while the disk is full."""
        whole = {"at": now(), "event": event, **values}
        line = json.dumps(whole, ensure_ascii=False).encode() + b"\n"
        add_when_there_is_room(self.path, lambda: self._add(line))
        return whole

    def read(self) -> list[Event]:
        """All events, oldest first."""
        return [json.loads(line) for line in _whole(self.path).splitlines()]

    def repair(self) -> None:
        """Cut off a torn last line."""
        repair(self.path)

    def _add(self, line: bytes) -> None:
        with self.path.open("ab", buffering=0) as file:
            if file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())


def add_when_there_is_room(path: Path, add: Callable[[], None]) -> None:
    """Call `add`, and repeat it while the disk is full; a failed call leaves the file unchanged."""
    size = path.stat().st_size if path.exists() else 0
    waits = False
    while True:
        try:
            return add()
        except OSError as error:
            if path.exists():
                os.truncate(path, size)
            if error.errno not in NO_ROOM:
                raise
            if not waits:
                log.warning("%s cannot be written (%s): waiting for room on the disk", path, error.strerror)
            waits = True
        time.sleep(WAIT_SECONDS)


def repair(path: Path) -> None:
    """Cut a torn last line off a file of JSON lines."""
    whole = _whole(path)
    if path.exists() and len(whole) < path.stat().st_size:
        os.truncate(path, len(whole))


def _whole(path: Path) -> bytes:
    """The content up to the last complete line; a crash may also leave zeros in place of a line."""
    content = path.read_bytes() if path.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    while whole and not _is_mapping(whole.splitlines()[-1]):
        whole = whole[: whole.rstrip(b"\n").rfind(b"\n") + 1]
    return whole


def _is_mapping(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), Mapping)
    except ValueError:
        return False
