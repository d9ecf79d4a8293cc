"""One process at a time has a folder in hand: a lock that the kernel lets go of when the process ends, however it does.

It is a record lock (POSIX), which belongs to the process and not to the open file: a worker that was forked from the
process and outlives it does not keep the lock.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE_SECONDS = 2.0
"""Somebody who only asks whether a lock is held holds it for a moment."""


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
        os.close(descriptor)  # lets go of it
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
