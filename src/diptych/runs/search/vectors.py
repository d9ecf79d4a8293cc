"""Vectors of picture files, one behind the other in a file beside their notes; what a kill left half is not read."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from diptych.runs.search.notes import Note, Notes, State

BYTES = np.dtype(np.float32).itemsize
SUFFIX = ".f32"


class Vectors:
    """The vectors that `notes` number. Each is written before the note that names it."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes

    @property
    def path(self) -> Path:
        """The file of the notes' generation."""
        journal = self.notes.journal.path
        return journal.with_name(f"{journal.stem}-{self.notes.generation}{SUFFIX}")

    def read(self, dim: int) -> Float[np.ndarray, "vectors dim"]:
        """All vectors, as they lie in the file."""
        number = self._size() // (BYTES * dim)
        if not number:
            return np.empty((0, dim), dtype=np.float32)
        return np.memmap(self.path, dtype=np.float32, mode="r", shape=(number, dim))

    def add(self, vectors: Float[np.ndarray, "files dim"], states: Mapping[str, State]) -> None:
        """Write vectors behind the others, then the notes of their files, in this order."""
        width = BYTES * vectors.shape[1]
        first = self._size() // width
        with self.path.open("ab") as file:
            file.truncate(first * width)  # a vector that a kill cut off
            file.write(np.ascontiguousarray(vectors, dtype=np.float32).tobytes())
            file.flush()
            os.fsync(file.fileno())
        self.notes.add({name: Note(state, first + i) for i, (name, state) in enumerate(states.items())})

    def drop_lost(self, dim: int) -> None:
        """Forget notes of vectors that are not in the file, such as one that somebody deleted."""
        number = self._size() // (BYTES * dim)
        lost = [name for name, (_, place) in self.notes.known.items() if place is not None and int(place) >= number]
        if lost:
            self.notes.forget(lost)

    def tidy(self, dim: int) -> None:
        """Write both files anew where less than half of the vectors are still in use."""
        placed = {name: note for name, note in self.notes.known.items() if note.value is not None}
        vectors = self.read(dim)
        if len(vectors) <= 2 * len(placed):
            return
        old, kept = self.path, vectors[[int(note.value or 0) for note in placed.values()]]
        following = Notes(self.notes.journal.path)
        following.generation += 1
        target = Vectors(following).path
        target.write_bytes(np.ascontiguousarray(kept).tobytes())
        moved = {name: Note(note.state, i) for i, (name, note) in enumerate(placed.items())}
        unreadable = {name: note for name, note in self.notes.known.items() if note.value is None}
        self.notes.rewrite(moved | unreadable)
        old.unlink(missing_ok=True)

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0
