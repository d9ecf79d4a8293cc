"""Write small files that other processes may read at the same time."""

import os
from pathlib import Path


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
