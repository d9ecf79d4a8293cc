"""What lies below a folder of data: one rule for links and for hidden names, for whoever lists files.

Links to folders are followed. A folder is visited once, however many links lead to it; those that only links lead to
come last, so that a picture is called by its own place where it has one.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

REPEATED = "a link to a folder that is read already"
Entries = list[os.DirEntry[str]]


@dataclass(frozen=True, slots=True)
class Visited:
    """A folder, all in it that is no folder (a link that leads nowhere as well), and whether a link led here."""

    path: str
    files: Entries
    is_link: bool


@dataclass(frozen=True, slots=True)
class Unread:
    """A folder that is not visited: it cannot be read, or it is `REPEATED`."""

    path: str
    reason: str


def is_hidden(name: str) -> bool:
    """Whether this is no name of data: it begins with a dot (`.diptych`, a Mac's `._0.jpg`), or is `__MACOSX`."""
    return name.startswith(".") or name == "__MACOSX"


def walk(root: str | Path, leave_out: Callable[[str], bool] = is_hidden) -> Iterator[Visited | Unread]:
    """The folder and all below it, in the order of their names, without what has a name to `leave_out`."""
    seen: set[tuple[int, int]] = set()
    pending, links = [(os.fspath(root), False)], deque[tuple[str, bool]]()
    while pending or links:
        path, is_link = pending.pop() if pending else links.popleft()
        try:
            state, (folders, files) = os.stat(path), entries(path, leave_out)
        except OSError as error:
            yield Unread(path, error.strerror or str(error))
            continue
        if (state.st_dev, state.st_ino) in seen:
            yield Unread(path, REPEATED)
            continue
        seen.add((state.st_dev, state.st_ino))
        yield Visited(path, files, is_link)
        pending += [(folder.path, False) for folder in reversed(folders) if not folder.is_symlink()]
        links += [(folder.path, True) for folder in folders if folder.is_symlink()]


def entries(folder: str | Path, leave_out: Callable[[str], bool] = is_hidden) -> tuple[Entries, Entries]:
    """The folders in a folder, and all else in it, in the order of their names; an OSError where it cannot be read."""
    with os.scandir(folder) as found:
        visible = sorted((entry for entry in found if not leave_out(entry.name)), key=lambda entry: entry.name)
    folders = [entry for entry in visible if holds(entry.is_dir)]
    are_folders = {entry.name for entry in folders}
    return folders, [entry for entry in visible if entry.name not in are_folders]


def followed_links(folder: str | Path) -> list[str]:
    """The links to folders that a walk follows."""
    return [found.path for found in walk(folder) if isinstance(found, Visited) and found.is_link]


def holds(asked: Callable[[], bool]) -> bool:
    """What an entry says of itself; of a link to itself nothing holds."""
    try:
        return asked()
    except OSError:
        return False
