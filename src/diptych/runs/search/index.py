"""The index of a folder of pictures: a vector of each file, and a caption where a captioner is named.

The files of an index are derived from the folder (`diptych.data.derived`) and belong to the weights that made them.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diptych.config.errors import UserError
from diptych.data.derived import derived_files, derived_folder, locked
from diptych.data.loading.workers import usable_cores
from diptych.data.pictures import decoders_silent
from diptych.runs.handles import ImageCaptioner, PairEmbedder
from diptych.runs.handles.base import Handle
from diptych.runs.images.pictures import readable_pixels
from diptych.runs.search.nearest import Found, nearest
from diptych.runs.search.notes import Note, Notes, State, states_in
from diptych.runs.search.vectors import Vectors
from diptych.text import WordTokenizer
from diptych.types import Track

AT_ONCE = 256
"""Pictures whose vectors are kept together: a kill costs at most so many."""


class Update(NamedTuple):
    """How many files were read, how many are gone, and which of the folder's cannot be read."""

    read: int
    gone: int
    unreadable: tuple[str, ...]


@dataclass
class FolderIndex:
    """The pictures of `folder` as `embedder` sees them, and as `captioner` says them."""

    folder: Path
    embedder: PairEmbedder
    captioner: ImageCaptioner | None = None
    beam: int = 1

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise UserError(f"{self.folder}: no such folder; name a folder of pictures")
        if self.captioner is not None:
            self.captioner.caption_options(beam=self.beam)

    @cached_property
    def notes(self) -> Notes:
        """Where the vector of each file is."""
        return Notes(self._file(f"search-{self.embedder.digest[:16]}.jsonl"))

    @cached_property
    def captions(self) -> Notes | None:
        """The caption of each file."""
        if self.captioner is None:
            return None
        return Notes(self._file(f"captions-{self.captioner.digest[:16]}-beam{self.beam}.jsonl"))

    @cached_property
    def dim(self) -> int:
        """Numbers a vector."""
        size = self.embedder.image_size
        return self.embedder.image_vectors([torch.zeros(self.embedder.data_spec.image_channels, size, size)]).shape[1]

    def update(self, track: Track) -> Update:
        """Read new and changed files, forget those that are gone; what is known of the others stays."""
        states, vectors = states_in(self.folder), Vectors(self.notes)
        with locked(self.notes.journal.path):
            self.notes.reread()
            vectors.drop_lost(self.dim)
            read, gone = _renewed(self.folder, self.embedder, self.notes, self._embed, states, track, "embedding")
            vectors.tidy(self.dim)
        if self.captioner is not None and self.captions is not None:
            with locked(self.captions.journal.path):
                self.captions.reread()
                _renewed(self.folder, self.captioner, self.captions, self._caption, states, track, "captioning")
                self.captions.tidy()
        return Update(read, gone, self.unreadable)

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The files that no vector could be made of."""
        return tuple(name for name, note in self.notes.known.items() if note.value is None)

    @property
    def pictures(self) -> int:
        """How many files have a vector."""
        return sum(note.value is not None for note in self.notes.known.values())

    def search(
        self, queries: Float[Tensor, "queries dim"], num: int, saying: str | None = None
    ) -> list[list[tuple[str, float]]]:
        """For each query the files nearest to it, with their cosines, best first.

        With `saying`, only those whose caption has this word, or all of several; a UserError says that captions lack.
        """
        if saying is not None:
            self._check_captions(saying)
        vectors = Vectors(self.notes).read(queries.shape[1])
        names: list[str | None] = [None] * len(vectors)
        for name, note in self.notes.known.items():
            if note.value is not None and int(note.value) < len(names) and self._says(name, saying):
                names[int(note.value)] = name
        counted = np.array([name is not None for name in names], dtype=bool)
        found = nearest(queries.numpy(), vectors, num, counted)
        return [[_named(one, names) for one in row] for row in found]

    def caption_of(self, name: str) -> str | None:
        """What the captioner says of a file; None without a captioner, or if the file cannot be read."""
        note = self.captions.known.get(name) if self.captions else None
        return None if note is None or note.value is None else str(note.value)

    def _says(self, name: str, word: str | None) -> bool:
        if word is None:
            return True
        split = WordTokenizer.split
        return set(split(word)) <= set(split(self.caption_of(name) or ""))

    def _check_captions(self, saying: str) -> None:
        """Refuse to look for a word in captions that nobody has made."""
        known = self.captions.known if self.captions else {}
        lacking = sum(note.value is not None and name not in known for name, note in self.notes.known.items())
        if lacking:
            raise UserError(
                f"saying={saying}: {lacking:,} of {self.pictures:,} pictures of this index have no caption of this "
                "captioner; bring it up to date (leave out --no-update)"
            )

    def _file(self, name: str) -> Path:
        """The one that there is, if it can be written; else a new one where that is possible."""
        there = [path for path in derived_files(self.folder, name) if os.access(path, os.W_OK)]
        return there[0] if there else derived_folder(self.folder) / name

    def _embed(self, states: Mapping[str, State], pixels: Sequence[Tensor]) -> None:
        with torch.inference_mode():
            vectors = self.embedder.image_vectors(pixels)
        Vectors(self.notes).add(vectors.numpy(), states)

    def _caption(self, states: Mapping[str, State], pixels: Sequence[Tensor]) -> None:
        assert self.captioner is not None
        assert self.captions is not None
        texts = (caption.text for caption in self.captioner.captions(pixels, beam=self.beam))
        pairs = zip(states.items(), texts, strict=True)
        self.captions.add({name: Note(state, text) for (name, state), text in pairs})


def _renewed(
    folder: Path,
    handle: Handle,
    notes: Notes,
    keep: Callable[[Mapping[str, State], Sequence[Tensor]], None],
    states: Mapping[str, State],
    track: Track,
    doing: str,
) -> tuple[int, int]:
    """Bring notes up to date, a part of the files after the other; how many were read, and how many are gone."""
    changed, gone = notes.stale(states)
    parts = [changed[start : start + AT_ONCE] for start in range(0, len(changed), AT_ONCE)]
    for part in track(parts, description=f"{doing} pictures", total=len(parts)):
        pixels = _opened(handle, folder, part)
        readable = {name: states[name] for name in part if name in pixels}
        if readable:
            keep(readable, list(pixels.values()))
        notes.add({name: Note(states[name], None) for name in part if name not in pixels})
    notes.forget(gone)
    return len(changed), len(gone)


def _named(one: Found, names: Sequence[str | None]) -> tuple[str, float]:
    name = names[one.number]
    assert name is not None
    return name, one.score


def _opened(handle: Handle, folder: Path, names: Sequence[str]) -> dict[str, Tensor]:
    """The pixels of the files that decode, in their order."""
    with decoders_silent(), ThreadPoolExecutor(usable_cores()) as pool:
        opened = pool.map(lambda name: readable_pixels(handle.pixels_of, folder / name), names)
        return {name: pixels for name, pixels in zip(names, opened, strict=True) if pixels is not None}
