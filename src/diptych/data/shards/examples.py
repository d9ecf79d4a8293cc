"""Examples of a split whose pictures lie in shards, in an order that suits them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int

from diptych.data.example import Example, ExampleRequest, Examples
from diptych.data.membership import Identity
from diptych.data.module import DataModule
from diptych.data.pictures import PictureError
from diptych.data.shards.ahead import Ahead, Fetched
from diptych.data.shards.captioned_shards import CaptionedShards
from diptych.data.shards.files import WAY_ON
from diptych.data.shards.order import BlockOrder
from diptych.data.shards.samples import Numbers, Samples
from diptych.data.squares import Squares
from diptych.types import DataSpec


@dataclass(frozen=True)
class ShardExamples:
    """The pictures `numbers` of the samples as square RGB bytes, as those of a folder; `group` shards at a time."""

    samples: Samples
    numbers: Numbers
    squares: Squares
    group: int
    is_labelled: bool = False

    @property
    def size(self) -> int:
        return len(self.numbers)

    def captions_of(self, index: int) -> tuple[str, ...]:
        return self.samples.captions(self.numbers[index])

    def facts_of(self, index: int) -> dict[str, str | int]:
        """As of a folder: the picture's name, and the size of its file in bytes."""
        number = self.numbers[index]
        return {"names": self.samples.key(number), "sizes": self.samples.place(number).length}

    def identity_of(self, index: int) -> Identity:
        return self.samples.identity(self.numbers[index])

    def label_of(self, index: int) -> str | None:
        """The label of a picture of class folders that were packed."""
        return self.samples.label(self.numbers[index]) if self.is_labelled else None

    def content_of(self, index: int) -> bytes:
        """The bytes of the picture's file."""
        return self.samples.read(int(self.numbers[index]))

    def order(self, seed: int, number: int) -> Int[np.ndarray, " size"]:
        return self._blocks.order(seed, number)

    def places_in_fixed_order(self) -> Int[np.ndarray, " size"]:
        return np.argsort(self.samples.names[self.numbers], kind="stable")

    def __getitem__(self, request: ExampleRequest) -> Example:
        number = int(self.numbers[request.index])
        if request.draw is not None and self._ahead is not None:
            self._ahead.at(self._units[request.index], request.draw)
        key, captions = self.samples.texts(number)
        try:
            example = self.squares.example(key, captions, self.samples.read(number), request.draw)
        except PictureError as error:
            shard = self.samples.shard_name(number)
            raise ValueError(f"{shard}: {key}: {error}; it could be decoded when it was indexed: {WAY_ON}") from error
        return self._labelled(example, request.index)

    def without_picture(self, request: ExampleRequest) -> Example:
        key, captions = self.samples.texts(int(self.numbers[request.index]))
        return self._labelled(self.squares.without_picture(key, captions, request.draw), request.index)

    def _labelled(self, example: Example, index: int) -> Example:
        label = self.label_of(index)
        return example if label is None else replace(example, labels=(label,))

    @cached_property
    def _blocks(self) -> BlockOrder:
        return BlockOrder(self._units, self.group)

    @cached_property
    def _units(self) -> Numbers:
        return self.samples.units(self.numbers)

    @cached_property
    def _ahead(self) -> Ahead | None:
        """Fetches what comes next, where shards have to be fetched."""
        if not any(isinstance(shard.file, Fetched) for shard in self.samples.shards):
            return None
        return Ahead(self._blocks, self.squares.seed, self.size, self._file_of_unit)

    def _file_of_unit(self, unit: int) -> Any:
        return self.samples.shards[self.samples.shard_of_unit(unit)].file


@dataclass(kw_only=True, eq=False, repr=False)
class ShardData(CaptionedShards, DataModule):
    """The good pictures of `CaptionedShards`, with their captions."""

    def open(self) -> tuple[DataSpec, Mapping[str, Examples]]:
        findings = self.usable()
        spec, splits = self.divide(findings)
        squares = Squares(self.image_size, self.random_crop, self.captions_per_image, self.seed)
        return spec, {
            name: ShardExamples(findings.samples, numbers, squares, self.shuffle_shards, bool(spec.labels))
            for name, numbers in splits.items()
        }
