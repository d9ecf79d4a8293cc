"""What is known of the picture files of a folder, file by file, until they change.

A file is known again by its size and time of change. A note that was written before a kill is kept.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from diptych.data.derived import Journal
from diptych.data.folders.located import picture_files

Value = int | str | None


class State(NamedTuple):
    """Of a file: its size in bytes and its time of change."""

    size: int
    mtime_ns: int


class Note(NamedTuple):
    """A value that was found for a file in this state; None is of a file that cannot be read."""

    state: State
    value: Value


def states_in(folder: Path) -> dict[str, State]:
    """The pictures of a folder by their names below it, in the order of these; what has just gone is left out."""
    states = {}
    for path in picture_files(folder):
        try:
            found = os.stat(path)
        except OSError:
            continue
        states[os.path.relpath(path, folder)] = State(found.st_size, found.st_mtime_ns)
    return dict(sorted(states.items()))


class Notes:
    """The notes of one journal: a row a file, of which the last one holds.

    The first row of a journal names its `generation`, which grows when the journal is written anew.
    """

    def __init__(self, path: Path) -> None:
        self.journal = Journal(path)
        self.generation = 0
        self.known: dict[str, Note] = {}
        self.reread()

    def reread(self) -> None:
        """Take in what the file holds by now; a damaged row is no note."""
        self.generation, self.known = 0, {}
        for row in self.journal.rows():
            match row:
                case [None, int(generation)]:
                    self.generation = generation
                case [str(name), int(size), int(mtime_ns), int() | str() | None as value]:
                    self.known[name] = Note(State(size, mtime_ns), value)
                case [str(name)]:
                    self.known.pop(name, None)

    def stale(self, states: Mapping[str, State]) -> tuple[list[str], list[str]]:
        """The files that are new or have changed, and the known ones that are gone."""
        known = self.known
        changed = [name for name, state in states.items() if name not in known or known[name].state != state]
        return changed, [name for name in known if name not in states]

    def add(self, notes: Mapping[str, Note]) -> None:
        """Write notes behind the others."""
        if not notes:
            return
        self._append([name, *note.state, note.value] for name, note in notes.items())
        self.known |= notes

    def forget(self, names: Iterable[str]) -> None:
        """Files that are gone."""
        gone = list(names)
        if not gone:
            return
        self._append([name] for name in gone)
        for name in gone:
            del self.known[name]

    def rewrite(self, notes: Mapping[str, Note]) -> None:
        """Keep these alone, in a new generation."""
        self.generation, self.known = self.generation + 1, dict(notes)
        rows = ([name, *note.state, note.value] for name, note in notes.items())
        self.journal.replace([[None, self.generation], *rows])

    def tidy(self) -> None:
        """Write the journal anew where half of its rows are out of date."""
        if self.journal.path.exists() and self.journal.num_lines() > 2 * len(self.known) + 1:
            self.rewrite(self.known)

    def _append(self, rows: Iterable[list[Value]]) -> None:
        if not self.journal.path.exists():
            self.journal.replace([[None, self.generation]])
        self.journal.append(rows)
