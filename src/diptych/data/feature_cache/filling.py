"""Fill a store with the features of pictures that it lacks; one process does it, the others wait for it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Float16
from rich.console import Console
from rich.progress import Progress

from diptych.data.derived import locked
from diptych.data.feature_cache.store import FeatureStore, Place
from diptych.data.membership import identities_of
from diptych.types import Batch

AT_ONCE = 32
Encode = Callable[[Batch], Float16[np.ndarray, "pictures width"]]
"""From a batch of pictures to their rows."""
OpenPictures = Callable[[str, Sequence[int], int], Any]
"""(split, indices, pictures at once) -> batches of these pictures, as evaluation sees them."""


@dataclass(frozen=True)
class Filling:
    """What a store has to have: the pictures of `splits`, by the digests of their content in the splits' order."""

    store: FeatureStore
    splits: Mapping[str, Sequence[str]]

    def places(self) -> dict[str, Place] | None:
        """Where all of them are; None where some are missing."""
        known = self.store.places()
        return known if not any(self._missing(known).values()) else None

    def fill(self, open_pictures: OpenPictures, encode: Encode) -> int:
        """Write what is missing; how many rows that was. A process that comes later finds nothing to do."""
        self.store.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.store.path):
            self.store.repair()
            missing = self._missing(self.store.places())
            total = sum(map(len, missing.values()))
            with _bar(total) as advance:
                for split, indices in missing.items():
                    self._fill_split(split, indices, open_pictures, encode, advance)
        return total

    def _fill_split(
        self,
        split: str,
        indices: Sequence[int],
        open_pictures: OpenPictures,
        encode: Encode,
        advance: Callable[[int], None],
    ) -> None:
        digests = (self.splits[split][index] for index in indices)
        for batch in open_pictures(split, indices, AT_ONCE) if indices else ():
            self.store.append(list(islice(digests, len(batch))), encode(batch))
            advance(len(batch))

    def _missing(self, known: Mapping[str, Place]) -> dict[str, list[int]]:
        """The indices of pictures without a row, each content once."""
        seen = set(known)
        missing: dict[str, list[int]] = {}
        for split, digests in self.splits.items():
            missing[split] = []
            for index, digest in enumerate(digests):
                if digest not in seen:
                    seen.add(digest)
                    missing[split].append(index)
        return missing


def contents_of(splits: Mapping[str, Any]) -> dict[str, list[str]]:
    """The digests of the contents of finite splits, which must know them."""
    return {name: [identity.content for identity in identities_of(split) or ()] for name, split in splits.items()}


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal; elsewhere nothing."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal or not total) as progress:
        task = progress.add_task("computing features", total=total)
        yield lambda number: progress.advance(task, number)
