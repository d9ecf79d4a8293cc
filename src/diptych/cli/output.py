"""What a command says: results on standard output, progress on standard error; with --json only JSON on the former.

Progress bars appear on terminals only; elsewhere a command is quiet and plain.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from diptych.config.errors import UserError

T = TypeVar("T")


def short(path: Path | str) -> str:
    """The path as seen from where the command was typed, where it lies below."""
    path = Path(path)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def check_writable(path: Path, option: str) -> None:
    """Before any work, that the file which `option` names can be written; it is left as it was."""
    try:
        is_new = not path.exists()
        path.open("ab").close()
        if is_new:
            path.unlink()
    except OSError as error:
        reason = f"there is no folder {path.parent}" if isinstance(error, FileNotFoundError) else error.strerror
        raise UserError(
            f"{option} {path} cannot be written ({reason}): name a file in a folder that is there"
        ) from None


class Output:
    """The one place a command speaks through."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    def line(self, text: str = "") -> None:
        """Something for people; steps aside to standard error when standard output is for JSON."""
        stream = sys.stderr if self.as_json else sys.stdout
        stream.write(text + "\n")
        stream.flush()

    def warning(self, text: str) -> None:
        """Something that went wrong without stopping the command."""
        sys.stderr.write(text + "\n")

    def result(self, value: Any) -> None:
        """The command's one JSON document, written if it was asked for."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
            sys.stdout.flush()

    def track(self, items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
        """The items, with a bar while they are worked on."""
        with self.bar(description, total) as advance:
            for item in items:
                yield item
                advance(1)

    @contextmanager
    def bar(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar that the given function moves on."""
        if not sys.stderr.isatty():
            yield lambda steps: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description:<26}"), BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(description, total=total)
            yield lambda steps: progress.advance(task, steps)
