"""A lock that lets one process at a time work on a folder.

It is a POSIX record lock: the kernel releases it when the process ends for any reason. It belongs to the process and
not to the open file, so a forked worker that outlives the process does not keep it.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_SECONDS = 2.0
"""A process that only checks a lock holds it for a moment."""


class LockHeld(RuntimeError):
    """Another process has the lock."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock; `LockHeld` if another process has it. It does not nest."""
    with path.open("a") as file:
        _acquire(file.fileno(), path)
        try:
            yield
        finally:
            fcntl.lockf(file.fileno(), fcntl.LOCK_UN)


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)  # releases the lock
    return False


def _acquire(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= deadline:
                raise LockHeld(f"another process holds {path}") from None
            time.sleep(0.05)
