"""Gradient accumulation: a batch in micro-batches, and one optimiser step from the gradients of all of them.

Only one micro-batch's activations are in memory at a time. Each counts by its share of the examples, so for losses that
are means over examples the sum of the gradients is that of the whole batch.
"""

from collections.abc import Callable, Mapping
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

NOTHING: Mapping[str, Any] = MappingProxyType({})


class MicroBatch(NamedTuple):
    """The rows of a batch's inputs that are computed together, and their share of its examples."""

    inputs: tuple[Any, ...]
    share: float

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole batch."""
        return self.share == 1


class Accumulation:
    """The gradients of one optimiser step, added up over micro-batches, and the means of what they measured."""

    def __init__(self, backward: Callable[[Tensor], None]) -> None:
        self._backward = backward
        self.losses: dict[str, Tensor] = {}
        self.figures: dict[str, Tensor | float] = {}

    def add(
        self,
        losses: Mapping[str, Tensor],
        weights: Mapping[str, float] = NOTHING,
        *,
        share: float = 1.0,
        figures: Mapping[str, Tensor] = NOTHING,
    ) -> None:
        """Go backward from the weighted sum of mean losses at once; what that kept in memory is free afterwards.

        `figures` are means over the micro-batch as well, to log and not to learn from.
        """
        if unknown := [term for term, weight in weights.items() if weight and term not in losses]:
            raise ValueError(f"{unknown[0]} has a weight and is no loss here; there is {', '.join(losses)}")
        means = {term: loss.mean() for term, loss in losses.items()}
        self._backward(share * torch.stack([weights.get(term, 1.0) * mean for term, mean in means.items()]).sum())
        _add(self.losses, means, share)
        _add(self.figures, figures, share)


def split(number: int, most: int | None) -> list[slice]:
    """Consecutive parts of `number` examples with at most `most` in each (None: any), as equal as possible.

    So no part is a single example unless `most` is 1, which batch normalisation could not be trained with.
    """
    num_parts = 1 if most is None else -(-number // most)
    sizes = [number // num_parts + (i < number % num_parts) for i in range(num_parts)]
    return [slice(start, end) for start, end in pairwise(accumulate(sizes, initial=0))]


def rows(value: Any, part: slice) -> Any:
    """A part of a tensor, a sequence, a named tuple of them, or of anything with a method `rows(part)`."""
    if value is None:
        return None
    if hasattr(value, "rows"):
        return value.rows(part)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(rows(field, part) for field in value))
    return value[part]


def _add(sums: dict[str, Any], means: Mapping[str, Tensor], share: float) -> None:
    for name, mean in means.items():
        weighted = share * mean.detach()
        sums[name] = sums[name] + weighted if name in sums else weighted
