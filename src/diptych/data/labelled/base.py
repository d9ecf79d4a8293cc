"""What all sets of small labelled pictures share: their settings, their sizes, and official test sets."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from torch import Tensor

from diptych.data.division import Division, stratified
from diptych.data.example import Examples, keyed_rng
from diptych.data.labelled.classes import Classes
from diptych.data.labelled.pictures import LabelledImages, resized, with_channels
from diptych.data.module import DataModule
from diptych.types import DataSpec

Labelled = tuple[Tensor, Sequence[int]]
"""Pictures [all, channels, side, side] of bytes or in [-1, 1], and the number of the class of each."""


@dataclass(kw_only=True, eq=False, repr=False)
class LabelledData(Division, DataModule):
    """Pictures of one class each at `image_size`, in `channels`: 1 makes coloured ones grey, 3 repeats grey ones."""

    set_name: ClassVar[str]
    classes: ClassVar[Classes]

    image_size: int
    channels: int
    val_size: int

    def examples(self, name: str, labelled: Labelled) -> "partial[LabelledImages]":
        """The examples of these pictures, but for which of them are `chosen`."""
        images, labels = labelled
        return partial(
            LabelledImages,
            name=name,
            images=with_channels(resized(images, self.image_size), self.channels),
            labels=labels,
            classes=self.classes,
            captions_per_image=self.captions_per_image,
            seed=self.seed,
        )

    def facts(self) -> DataSpec:
        """The facts of the data, whatever its pictures."""
        return self.classes.spec(
            self.set_name,
            image_size=self.image_size,
            channels=self.channels,
            tokenizer=self.tokenizer,
            rules=self.tokenizer_rules,
            num_tokens=self.num_tokens,
        )


@dataclass(kw_only=True, eq=False, repr=False)
class OfficiallySplit(LabelledData):
    """A set with an official test set, which is the test split (its first `test_size` pictures, or all).

    The val split is a stratified, fixed part of `val_size` pictures of the official training set, or a fold of it; of
    the others `train_size` train, or all.
    """

    test_size: int | None

    @abstractmethod
    def read(self) -> tuple[Labelled, Labelled]:
        """The official training set and the official test set."""

    def open(self) -> tuple[DataSpec, Mapping[str, Examples]]:
        training, test = self.read()
        check_sizes(len(training[1]), val_size=self.val_size, test_size=0)
        train, val = self.divided(stratified_order(training[1], self.set_name), self.val_size)
        fit = self.examples(f"{self.set_name}/train", training)
        num_test = len(test[1]) if self.test_size is None else min(self.test_size, len(test[1]))
        splits = {
            "train": fit(chosen=train),
            "val": fit(chosen=val),
            "test": self.examples(f"{self.set_name}/test", test)(chosen=range(num_test)),
        }
        return self.facts(), splits


def stratified_order(labels: Sequence[int], name: str) -> list[int]:
    """All indices, in an order whose every prefix is stratified by label; it depends on `name` alone."""
    groups = [[index for index, other in enumerate(labels) if other == label] for label in sorted(set(labels))]
    for label, members in zip(sorted(set(labels)), groups, strict=True):
        keyed_rng(name, label).shuffle(members)
    return stratified(groups, by=lambda index: index)


def check_sizes(total: int, *, val_size: int, test_size: int) -> None:
    """Refuse held-out sizes that are negative or leave none of `total` pictures to train on."""
    if min(val_size, test_size) < 0 or val_size + test_size >= total:
        raise ValueError(
            f"data.val_size={val_size} and data.test_size={test_size}: set sizes from 0 that leave some of the "
            f"{total:,} pictures to train on"
        )
