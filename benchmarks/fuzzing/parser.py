"""One parser of files from elsewhere, as fuzzing sees it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .mutations import Mutation, damaged


def put(path: Path, content: bytes) -> None:
    """Write the file."""
    path.write_bytes(content)


@dataclass(frozen=True)
class Parser:
    """`read` reads the file called `file` to its end; `put` writes it, with what it needs beside it."""

    name: str
    file: str
    seeds: Callable[[], Sequence[bytes]]
    read: Callable[[Path], Any]
    mutate: Mutation = damaged
    put: Callable[[Path, bytes], None] = put
    needs: str = ""
    """The library without which it cannot be asked."""
