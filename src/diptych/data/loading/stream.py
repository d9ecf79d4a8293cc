"""The order of training data: an endless sequence of full batches, addressed by number.

Batch i depends on the seed and i alone, so a resumed run starts at the batch where it stopped, without a replay. Finite
data are visited in passes, each a new permutation; a batch may span two passes, so all batches are full and every
example is drawn equally often. Examples in shards say in which order a pass visits them (`Ordered`); all others are
visited in a permutation of all.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any

from torch.utils.data import Sampler

from diptych.data.capability import capable
from diptych.data.example import ExampleRequest, Examples, Ordered, keyed_rng

Order = Callable[[int, int], Sequence[int] | Any]
"""From the seed and the number of a pass to its order; a compact array where there are many examples."""


class Stream(Sampler[list[ExampleRequest]]):
    """Batches of requests from batch `start` on; rank r of w takes the r-th part of each batch.

    `size=None` means an infinite data set: its examples are drawn in the order of their numbers. `numbers` are those of
    the batches, endless unless they are set. Without an `order` every pass is a `permutation`.
    """

    def __init__(
        self,
        *,
        size: int | None,
        batch_size: int,
        seed: int,
        start: int = 0,
        rank: int = 0,
        world_size: int = 1,
        order: Order | None = None,
    ) -> None:
        if batch_size < 1 or batch_size % world_size:
            raise ValueError(
                f"data.batch_size={batch_size}: this is the batch of all {world_size} device(s) together; make it a "
                f"multiple of {world_size}"
            )
        if size == 0:
            raise ValueError("the train split has no examples: there is nothing to train on")
        self.size = size
        self.batch_size = batch_size
        self.numbers: Iterable[int] = range(start, sys.maxsize)
        self.rank = rank
        self.share = batch_size // world_size
        order = order or partial(permutation, size or 0)
        self._order = lru_cache(maxsize=2)(lambda number: order(seed, number))

    def __iter__(self) -> Iterator[list[ExampleRequest]]:
        return map(self.batch, self.numbers)

    def batch(self, number: int) -> list[ExampleRequest]:
        """The rank's part of batch `number`."""
        first = number * self.batch_size + self.rank * self.share
        return [ExampleRequest(self._index(draw), draw) for draw in range(first, first + self.share)]

    def _index(self, draw: int) -> int:
        if self.size is None:
            return draw
        number, place = divmod(draw, self.size)
        return int(self._order(number)[place])


def order_of(examples: Examples) -> Order:
    """The examples' own order of a pass where they have one, else a permutation of all."""
    ordered = capable(examples, Ordered)
    return ordered.order if ordered else partial(permutation, examples.size or 0)


def permutation(size: int, seed: int, number: int) -> list[int]:
    """The order of pass `number` over `size` examples."""
    order = list(range(size))
    keyed_rng(seed, "pass", number).shuffle(order)
    return order


def in_order(size: int, batch_size: int, rank: int = 0, world_size: int = 1) -> list[list[ExampleRequest]]:
    """Every example once, in order and without randomness; rank r of w takes every w-th example."""
    requests = [ExampleRequest(index) for index in range(rank, size, world_size)]
    return [requests[i : i + batch_size] for i in range(0, len(requests), batch_size)]
