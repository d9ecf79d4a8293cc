"""Small files that others read while they are written."""

import os
from pathlib import Path


def write_whole(path: Path, text: str, *, durably: bool = False) -> None:
    """All or nothing: a reader never sees half a file, and a full disk leaves none behind.

    `durably`: nor does one after a loss of power, which takes the disk a moment.
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
    """In the file's own place; who is killed while doing so tears it."""
    with path.open("r+b") as file:
        file.write(text.encode())
        file.truncate()
