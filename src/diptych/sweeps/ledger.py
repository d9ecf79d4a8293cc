"""What has happened in a sweep: one JSON line an event, only ever added to, and on the disk before the next one.

Whoever reads it leaves a torn last line out; whoever writes to it cuts that line off first.
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
"""What passes when somebody makes room; a limit on the size of files, which stops a run as well, does not."""
log = logging.getLogger(__name__)


class Ledger:
    """The events of one sweep. One process writes at a time; any number may read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, event: str, **values: Any) -> Event:
        """Add an event of this moment, and bring it to the disk; waits while there is no room, so that none is lost."""
        whole = {"at": now(), "event": event, **values}
        line = json.dumps(whole, ensure_ascii=False).encode() + b"\n"
        add_when_there_is_room(self.path, lambda: self._add(line))
        return whole

    def read(self) -> list[Event]:
        """All events, oldest first."""
        return [json.loads(line) for line in _whole(self.path).splitlines()]

    def repair(self) -> None:
        """Cut off what a crash left of a line."""
        repair(self.path)

    def _add(self, line: bytes) -> None:
        with self.path.open("ab", buffering=0) as file:
            if file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())


def add_when_there_is_room(path: Path, add: Callable[[], None]) -> None:
    """Call what adds to the file, and while the disk is full again and again; what fails leaves nothing in the file."""
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
    """Cut off what a crash left of the last line of a file of JSON lines."""
    whole = _whole(path)
    if path.exists() and len(whole) < path.stat().st_size:
        os.truncate(path, len(whole))


def _whole(path: Path) -> bytes:
    """Everything up to the last line that is complete; a crash may also leave zeros where a line should be."""
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
