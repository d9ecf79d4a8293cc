"""Which picture lies in which shard, and in which order: a function of the data and the settings alone."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

from diptych.data.loading.stream import order_of
from diptych.data.module import DataModule
from diptych.data.packing.source import HasFiles, splits_with_files
from diptych.data.shards.packed import Label

FORMAT = 1
"""It changes whenever the same plan would give other files."""
MEMBERS_BYTES = 2_048
"""About what headers, padding and captions take beside a picture."""


class Part(NamedTuple):
    """A shard that is to be written: so many pictures of a split, from a place in the split's order on."""

    file: str
    split: str
    first: int
    indices: Sequence[int]


@dataclass(frozen=True)
class Sample:
    """A picture to be written, with all that is said of it; `digest` is that of its file, `number` its place."""

    split: str
    number: int
    index: int
    key: str
    digest: str
    captions: tuple[str, ...]
    label: Label | None


@dataclass(frozen=True)
class Plan:
    """What is packed: splits of data with these `labels`, `samples` pictures a shard, for training at `side` pixels."""

    splits: Mapping[str, HasFiles]
    labels: Sequence[str]
    samples: int
    side: int | None = None

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"--samples {self.samples}: a shard has 1 picture or more")
        if self.side is not None and self.side < 1:
            raise ValueError(f"--size {self.side}: give the pixels that training asks for, 1 or more")

    @classmethod
    def of(cls, data: DataModule, *, samples: int, side: int | None) -> Self:
        """The plan for data that have been opened."""
        return cls(splits_with_files(data), data.spec.labels, samples, side)

    @property
    def num_pictures(self) -> int:
        return sum(map(len, self._orders.values()))

    def parts(self) -> Iterator[Part]:
        """The shards, split by split."""
        for split, order in self._orders.items():
            for place, first in enumerate(range(0, len(order), self.samples)):
                yield Part(f"{split}-{place:06d}.tar", split, first, order[first : first + self.samples])

    def samples_of(self, part: Part) -> Iterator[Sample]:
        """The pictures of a shard; none is opened."""
        examples = self.splits[part.split]
        for number, index in enumerate(part.indices, start=part.first):
            key, label = examples.facts_of(index)["names"], examples.label_of(index)
            told = None if label is None else Label(self._places[label], label)
            digest = examples.identity_of(index).content
            yield Sample(part.split, number, index, key, digest, examples.captions_of(index), told)

    def content_of(self, sample: Sample) -> bytes:
        """The bytes of its file as it lies there now."""
        return self.splits[sample.split].content_of(sample.index)

    def bytes_of(self, part: Part) -> int:
        """About as many bytes as the shard will have, if no picture is made smaller."""
        examples = self.splits[part.split]
        return sum(MEMBERS_BYTES + int(examples.facts_of(index)["sizes"]) for index in part.indices)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What decides on every byte that is written."""
        return {"format": FORMAT, "size": self.side, "samples": self.samples, "examples": self._digest()}

    def _digest(self) -> str:
        """Of all that is known of every picture, in order."""
        digest = hashlib.sha256()
        for part in self.parts():
            for sample in self.samples_of(part):
                told = [sample.split, sample.key, sample.digest, sample.captions, sample.label]
                digest.update(json.dumps(told).encode())
        return digest.hexdigest()

    @cached_property
    def _orders(self) -> dict[str, Sequence[int]]:
        """Of each split: that of a first pass of training, which mixes pictures, else the split's own."""
        return {
            name: [*map(int, order_of(examples)(0, 0))] if name == "train" else range(examples.size or 0)
            for name, examples in self.splits.items()
        }

    @cached_property
    def _places(self) -> dict[str, int]:
        return {label: place for place, label in enumerate(self.labels)}
