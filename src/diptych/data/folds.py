"""Cross-validation: one fold of the examples outside the test split validates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(kw_only=True, eq=False, repr=False)
class Folds:
    """Settings of data sets with folds: in fold k, every `num_folds`-th example from the k-th on validates."""

    fold: int | None = None
    num_folds: int = 5

    def divided(self, examples: Sequence[T], num_val: int) -> tuple[list[T], list[T]]:
        """Split examples in one fixed order into train and val; without a fold the first `num_val` validate."""
        if self.fold is None:
            return list(examples[num_val:]), list(examples[:num_val])
        if not 2 <= self.num_folds <= len(examples):
            raise ValueError(f"data.num_folds={self.num_folds}: set 2 to {len(examples)}, the number of examples")
        if not 0 <= self.fold < self.num_folds:
            raise ValueError(f"data.fold={self.fold}: set 0 to {self.num_folds - 1}, or increase data.num_folds")
        train = [example for place, example in enumerate(examples) if place % self.num_folds != self.fold]
        return train, list(examples[self.fold :: self.num_folds])
