"""All good pictures of many shards by number, and how the numbers are split; as arrays, since there may be millions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int, UInt8, UInt64

from diptych.data.folders.splits import ALL
from diptych.data.membership import Identity
from diptych.data.shards.index import Shard
from diptych.data.shards.table import LOOK_BYTES, SPLITS, Place, Table

Numbers = Int[np.ndarray, " numbers"]
UNKNOWN = -1


@dataclass(frozen=True)
class Samples:
    """The rows of the shards' tables, one after the other; `splits` are those that the shards themselves stand for."""

    shards: Sequence[Shard]
    tables: Sequence[Table]
    splits: Sequence[str | None]

    def __len__(self) -> int:
        return int(self._firsts[-1])

    @property
    def num_captions(self) -> int:
        """Of all pictures."""
        return sum(table.num_captions for table in self.tables)

    def read(self, number: int) -> bytes:
        """The bytes of the picture."""
        shard, row = self._row(number)
        return self.shards[shard].read(self.tables[shard].place(row))

    def shard_name(self, number: int) -> str:
        """As messages call the shard of the picture."""
        return self.shards[self._row(number)[0]].file.name

    def texts(self, number: int) -> tuple[str, tuple[str, ...]]:
        """The key and the captions of the picture."""
        shard, row = self._row(number)
        return self.tables[shard].texts(row)

    def key(self, number: int) -> str:
        return self.texts(number)[0]

    def captions(self, number: int) -> tuple[str, ...]:
        return self.texts(number)[1]

    def place(self, number: int) -> Place:
        shard, row = self._row(number)
        return self.tables[shard].place(row)

    def identity(self, number: int) -> Identity:
        shard, row = self._row(number)
        return self.tables[shard].identity(row)

    def all_captions(self, numbers: Numbers) -> Iterator[str]:
        """Of these pictures, one after the other."""
        return (caption for number in numbers.tolist() for caption in self.captions(number))

    def units(self, numbers: Numbers) -> Numbers:
        """The part of a shard that each picture is read with: the whole of a tar file, a row group of Parquet."""
        firsts = np.concatenate(([0], np.cumsum([table.num_blocks for table in self.tables])))
        units = [table.rows["block"] + firsts[place] for place, table in enumerate(self.tables)]
        return _joined(units, np.int64)[numbers].astype(np.int32)

    def shard_of_unit(self, unit: int) -> int:
        """The place of the shard that a unit is part of."""
        ends = np.cumsum([table.num_blocks for table in self.tables])
        return int(np.searchsorted(ends, unit, side="right"))

    @cached_property
    def names(self) -> UInt64[np.ndarray, " all"]:
        """The digests of the keys; their order is that of a folder's pictures by a hash of their names."""
        return _joined([table.rows["name"] for table in self.tables], np.uint64)

    @cached_property
    def contents(self) -> UInt64[np.ndarray, " all"]:
        """The digests of the pictures' bytes."""
        return _joined([table.rows["content"] for table in self.tables], np.uint64)

    def looks(self, numbers: Numbers) -> UInt8[np.ndarray, "numbers bytes"]:
        """How these pictures look, as bytes of `folders.facts.look_of`."""
        looks = np.empty((len(numbers), LOOK_BYTES), np.uint8)
        shards = np.searchsorted(self._firsts, numbers, side="right") - 1
        for shard in np.unique(shards):
            looks[shards == shard] = self.tables[shard].looks[numbers[shards == shard] - self._firsts[shard]]
        return looks

    @cached_property
    def split_of(self) -> Numbers:
        """The place in `SPLITS` of each picture's split, or `UNKNOWN`."""
        found = [
            np.full(table.num_rows, SPLITS.index(split), np.int8) if split else table.rows["split"].astype(np.int8)
            for table, split in zip(self.tables, self.splits, strict=True)
        ]
        return _joined(found, np.int8)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Every label once, in the order of their numbers."""
        return tuple(dict.fromkeys(label.name for label in sorted({x for table in self.tables for x in table.labels})))

    @cached_property
    def label_of(self) -> Numbers:
        """The place in `labels` of each picture's label, or `UNKNOWN`."""
        place_of = {label: place for place, label in enumerate(self.labels)}
        found = [
            np.array([*(place_of[label.name] for label in table.labels), UNKNOWN])[table.rows["label"]]
            for table in self.tables  # -1, of a picture without one, is the last
        ]
        return _joined(found, np.int32)

    def label(self, number: int) -> str | None:
        """The picture's label, if it has one."""
        place = int(self.label_of[number])
        return None if place == UNKNOWN else self.labels[place]

    def repeated(self) -> Numbers:
        """The pictures whose key an earlier one has."""
        order = np.argsort(self.names, kind="stable")
        again = self.names[order][1:] == self.names[order][:-1]
        return np.sort(order[1:][again])

    def in_fixed_order(self, numbers: Numbers) -> Numbers:
        """The order of `folders.splits.in_fixed_order`, of arrays."""
        return numbers[np.argsort(self.names[numbers], kind="stable")]

    def split_by_share(self, numbers: Numbers, *, val_share: float, test_share: float) -> dict[str, Numbers]:
        """The splits of `folders.splits.split_pictures`, of arrays; each in the order in which shards are read best."""
        split_of = self.split_of[numbers]
        splits = {name: numbers[split_of == SPLITS.index(name)] for name in ("val", "test")}
        rest = numbers[(split_of == UNKNOWN) | (split_of == SPLITS.index("train"))]
        by_hash = self.in_fixed_order(rest)
        for name, share in (("test", test_share), ("val", val_share)):
            if not len(splits[name]) and share > 0:
                number = max(1, round(share * len(rest)))
                splits[name], by_hash = np.sort(by_hash[:number]), by_hash[number:]
        return {"train": np.sort(by_hash), **splits}

    def own_splits(self, numbers: Numbers) -> dict[str, Numbers]:
        """The splits of `folders.splits.own_splits`, of arrays."""
        split_of = self.split_of[numbers]
        if (split_of == UNKNOWN).all():
            return {ALL: numbers}
        known = np.where(split_of == UNKNOWN, SPLITS.index("train"), split_of)
        return {SPLITS[place]: numbers[known == place] for place in np.unique(known)}

    def _row(self, number: int) -> tuple[int, int]:
        shard = int(np.searchsorted(self._firsts, number, side="right")) - 1
        return shard, int(number - self._firsts[shard])

    @cached_property
    def _firsts(self) -> Numbers:
        """The number of the first picture of each shard, and of all pictures."""
        return np.concatenate(([0], np.cumsum([table.num_rows for table in self.tables], dtype=np.int64)))


def _joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate(parts, dtype=dtype) if parts else np.zeros(0, dtype)
