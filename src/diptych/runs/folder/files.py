"""Write small files that other processes may read at the same time."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diptych.config.errors import UserError

WRONG_PLACE = (
    errno.EACCES,
    errno.EEXIST,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)
"""Errors of a folder that cannot be made where it should be, as opposed to those of a disk that fails or is full."""


@contextmanager
def outputs_explained() -> Iterator[None]:
    """Name the key of the folder of all runs, if nothing can be written there."""
    try:
        yield
    except OSError as error:
        is_path = error.filename is not None and os.sep in str(error.filename)  # not a program that is not installed
        if error.errno not in WRONG_PLACE or not is_path:
            raise
        raise UserError(
            f"{error.filename} cannot be created ({error.strerror}): set paths.outputs or DIPTYCH_OUTPUTS to a folder "
            "that you may write to"
        ) from error


def write_whole(path: Path, text: str, *, durably: bool = False) -> None:
    """Write all or nothing: no reader sees half a file, and a full disk leaves none behind.

    With `durably`, this also holds after a power failure; it waits for the disk.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            if durably:
                file.flush()
                os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_over(path: Path, text: str) -> None:
    """Overwrite the file in place; a process killed during the write leaves it damaged."""
    with path.open("r+b") as file:
        file.write(text.encode())
        file.truncate()
