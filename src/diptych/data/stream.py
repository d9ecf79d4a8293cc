"""The one order in which training data are visited: an endless sequence of full batches, addressed by number.

Batch i depends on the seed and i alone, so a resumed run starts at the batch where it stopped and nothing has to be
replayed. Finite data are visited in passes, each a fresh permutation; a batch may span two passes, so none is short
and every example is drawn equally often.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import count

from torch.utils.data import Sampler

from diptych.data.example import Request, keyed_rng


class Stream(Sampler[list[Request]]):
    """Batches of requests from batch `start` on; of each batch of `batch_size`, rank r of w takes the r-th part.

    `size=None` is an infinite data set: its examples are drawn in the order of their numbers.
    """

    def __init__(
        self, *, size: int | None, batch_size: int, seed: int, start: int = 0, rank: int = 0, world_size: int = 1
    ) -> None:
        if batch_size < 1 or batch_size % world_size:
            raise ValueError(
                f"data.batch_size is {batch_size}; it counts the examples of all {world_size} device(s) together "
                f"and must be a multiple of that number"
            )
        if size == 0:
            raise ValueError("there is nothing to train on: the train split has no examples")
        self.size = size
        self.batch_size = batch_size
        self.start = start
        self.rank = rank
        self.share = batch_size // world_size
        self._order = lru_cache(maxsize=2)(lambda number: permutation(size or 0, seed, number))

    def __iter__(self) -> Iterator[list[Request]]:
        return map(self.batch, count(self.start))

    def batch(self, number: int) -> list[Request]:
        """Batch `number`, as far as it is this rank's."""
        first = number * self.batch_size + self.rank * self.share
        return [Request(self._index(draw), draw) for draw in range(first, first + self.share)]

    def _index(self, draw: int) -> int:
        if self.size is None:
            return draw
        number, place = divmod(draw, self.size)
        return self._order(number)[place]


def permutation(size: int, seed: int, number: int) -> list[int]:
    """The order of pass `number` over `size` examples."""
    order = list(range(size))
    keyed_rng(seed, "pass", number).shuffle(order)
    return order


def in_order(size: int, batch_size: int, rank: int = 0, world_size: int = 1) -> list[list[Request]]:
    """Every example once, in order and without randomness; of w ranks, rank r sees every w-th example."""
    requests = [Request(index) for index in range(rank, size, world_size)]
    return [requests[i : i + batch_size] for i in range(0, len(requests), batch_size)]
