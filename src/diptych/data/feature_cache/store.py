"""A file of features in half precision, one row a picture, which grows and is mapped into memory.

Three files lie in a folder. `features.f16` has the rows. `rows.jsonl` says of each row which picture it is of (the
digest of its content) and what its bytes sum up to (CRC-32). `about.json` tells people what made them. A row counts
once the journal names it, so that a process may be killed at any time: what it had not named is written anew.
"""

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float16
from torch import Tensor

from diptych.data.derived import Journal, replaced

ROWS, FEATURES, ABOUT = "rows.jsonl", "features.f16", "about.json"


@dataclass(frozen=True)
class Layout:
    """How many numbers a picture has: a pooled vector, and vectors of regions behind it."""

    pooled_dim: int
    num_regions: int
    region_dim: int

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return self.pooled_dim + self.num_regions * self.region_dim

    @property
    def num_bytes(self) -> int:
        """Of a row."""
        return 2 * self.width

    def split(self, row: Float16[np.ndarray, " width"]) -> tuple[Tensor, Tensor]:
        """The pooled vector [dim] and the regions [regions, dim] of a row."""
        values = torch.from_numpy(row)
        pooled, regions = values.split([self.pooled_dim, self.num_regions * self.region_dim])
        return pooled, regions.view(self.num_regions, self.region_dim)


@dataclass(frozen=True)
class Place:
    """Which row a picture has, and the CRC-32 of its bytes."""

    row: int
    checksum: int


@dataclass(frozen=True)
class FeatureStore:
    """The rows in `folder`. Whoever appends holds the lock of `path` (`diptych.data.derived.locked`)."""

    folder: Path
    layout: Layout

    @property
    def path(self) -> Path:
        """The file of the rows."""
        return self.folder / FEATURES

    @property
    def num_bytes(self) -> int:
        """The size of the file of the rows."""
        return self.path.stat().st_size if self.path.exists() else 0

    def places(self) -> dict[str, Place]:
        """Where the pictures' rows are, by the digest of their content; only rows that are there."""
        number = self.num_bytes // self.layout.num_bytes
        rows = (_place(row) for row in Journal(self.folder / ROWS).rows())
        return {found[0]: found[1] for found in rows if found and 0 <= found[1].row < number}

    def describe(self, about: Mapping[str, Any]) -> None:
        """Say what makes the rows, for people."""
        with replaced(self.folder / ABOUT) as file:
            file.write(json.dumps(dict(about), indent=1, sort_keys=True).encode())

    def repair(self) -> None:
        """Cut off what was written behind the last row that the journal names."""
        self.folder.mkdir(parents=True, exist_ok=True)
        whole = max((place.row + 1 for place in self.places().values()), default=0)
        with self.path.open("ab") as file:
            file.truncate(whole * self.layout.num_bytes)
        (self.folder / ROWS).touch()

    def append(self, digests: Sequence[str], rows: Float16[np.ndarray, "pictures width"]) -> None:
        """Write rows of pictures; they are on the disk before the journal names them."""
        assert rows.shape == (len(digests), self.layout.width)
        assert rows.dtype == np.float16
        first = self.num_bytes // self.layout.num_bytes
        contents = [row.tobytes() for row in rows]
        with self.path.open("ab") as file:
            file.write(b"".join(contents))
            file.flush()
            os.fsync(file.fileno())
        named = zip(digests, contents, strict=True)
        Journal(self.folder / ROWS).append([first + i, name, zlib.crc32(row)] for i, (name, row) in enumerate(named))


class FeatureRows:
    """The rows of a split's pictures in their order, read from a store.

    A row whose bytes are not those that were written raises a ValueError. The file is mapped at the first row, in each
    process for itself.
    """

    def __init__(self, store: FeatureStore, places: Sequence[Place]) -> None:
        self.store = store
        self.rows = np.array([place.row for place in places], dtype=np.int64)
        self.checksums = np.array([place.checksum for place in places], dtype=np.uint32)

    def read(self, index: int) -> tuple[Tensor, Tensor]:
        """The pooled vector and the regions of the split's picture `index`, in half precision."""
        row = np.array(self._mapped[self.rows[index]])
        if zlib.crc32(row.tobytes()) != self.checksums[index]:
            raise ValueError(
                f"{self.store.path} is damaged: row {self.rows[index]:,} is not what was written; delete the folder "
                f"{self.store.folder}, and the next run makes it anew"
            )
        return self.store.layout.split(row)

    @cached_property
    def _mapped(self) -> np.ndarray:
        """Whole rows alone: behind them may lie the beginning of one that a killed process did not finish."""
        layout = self.store.layout
        shape = (self.store.num_bytes // layout.num_bytes, layout.width)
        return np.memmap(self.store.path, dtype=np.float16, mode="r", shape=shape)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_mapped"}


def _place(row: list[Any]) -> tuple[str, Place] | None:
    """A line of the journal; None where it is none."""
    if len(row) != 3 or type(row[0]) is not int or not isinstance(row[1], str) or type(row[2]) is not int:
        return None
    return row[1], Place(row[0], row[2])
