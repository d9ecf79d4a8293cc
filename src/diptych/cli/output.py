"""The output of commands: results on standard output, progress on standard error.

With --json, standard output has only JSON. Progress bars appear on terminals only.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from diptych.config.errors import UserError

T = TypeVar("T")
STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def short(path: Path | str) -> str:
    """The path relative to the working directory, if it is below."""
    path = Path(path)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def harmless(text: str) -> str:
    """The text without what steers a terminal: names and captions of anybody's files may stand in messages."""
    return STEERING.sub(lambda found: repr(found[0])[1:-1], text)


def check_writable(path: Path, option: str) -> None:
    """Check before any work that the file of `option` can be written; it stays as it is."""
    try:
        is_new = not path.exists()
        path.open("ab").close()
        if is_new:
            path.unlink()
    except OSError as error:
        reason = f"there is no folder {path.parent}" if isinstance(error, FileNotFoundError) else error.strerror
        raise UserError(f"{option} {path} cannot be written ({reason}): name a file in an existing folder") from None


class Output:
    """Writes all output of a command; standard output is for people, unless it is for JSON or another document."""

    def __init__(self, *, as_json: bool = False, for_people: bool = True) -> None:
        self.as_json = as_json
        self.for_people = for_people and not as_json

    def line(self, text: str = "") -> None:
        """A line for people; on standard error if standard output is for a document."""
        stream = sys.stdout if self.for_people else sys.stderr
        stream.write(text + "\n")
        stream.flush()

    def warning(self, text: str) -> None:
        """A problem that does not stop the command."""
        sys.stderr.write(text + "\n")

    def result(self, value: Any) -> None:
        """The command's JSON document, written with --json."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
            sys.stdout.flush()

    def document(self, text: str) -> None:
        """A document that standard output has been kept for."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def track(self, items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
        """Yield the items, with a progress bar."""
        with self.bar(description, total) as advance:
            for item in items:
                yield item
                advance(1)

    @contextmanager
    def bar(self, description: str, total: int) -> Iterator[Callable[[float], None]]:
        """A progress bar; the yielded function advances it."""
        if not sys.stderr.isatty():
            yield lambda steps: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description:<26}"), BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(description, total=total)
            yield lambda steps: progress.advance(task, steps)
