"""Which examples train and which validate: one fold of a cross-validation, and learning from few."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(kw_only=True, eq=False, repr=False)
class Division:
    """Settings of what trains and what validates: in fold k, every `num_folds`-th example from the k-th on validates.

    With a `train_size` only so many of the examples train; those of a smaller one are among those of a larger one.
    """

    fold: int | None = None
    num_folds: int = 5
    train_size: int | None = None

    def divided(self, examples: Sequence[T], num_val: int) -> tuple[list[T], list[T]]:
        """Split examples in one fixed order into train and val; without a fold the first `num_val` validate."""
        if self.fold is None:
            return self.few(examples[num_val:]), list(examples[:num_val])
        if not 2 <= self.num_folds <= len(examples):
            raise ValueError(f"data.num_folds={self.num_folds}: set 2 to {len(examples)}, the number of examples")
        if not 0 <= self.fold < self.num_folds:
            raise ValueError(f"data.fold={self.fold}: set 0 to {self.num_folds - 1}, or increase data.num_folds")
        train = [example for place, example in enumerate(examples) if place % self.num_folds != self.fold]
        return self.few(train), list(examples[self.fold :: self.num_folds])

    def few(self, train: Sequence[T]) -> list[T]:
        """The first `train_size` of the training examples, in one fixed order; all of them without one."""
        if self.train_size is None:
            return list(train)
        if not 1 <= self.train_size <= len(train):
            raise ValueError(f"data.train_size={self.train_size}: set 1 to {len(train):,}, or null for all")
        log.info("data.train_size=%s: only so many of %s examples train", f"{self.train_size:,}", f"{len(train):,}")
        return list(train[: self.train_size])


def stratified(groups: Iterable[Sequence[T]], by: Callable[[T], Any]) -> list[T]:
    """All members, each group in its own order, so that every prefix has the groups' shares; `by` breaks ties."""
    placed = [
        ((place + 0.5) / len(group), by(member), member) for group in groups for place, member in enumerate(group)
    ]
    return [member for _, _, member in sorted(placed, key=lambda one: one[:2])]
