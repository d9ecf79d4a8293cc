"""In which order does a pass visit examples in shards? Block by block, so that few files are open at a time.

Each pass permutes the shards, takes `group` of them at a time and permutes the examples within that group. The order
is a function of the seed and the number of the pass: whoever asks again is given the same one, on any machine (only
raw numbers of PCG64 are drawn, whose stream NumPy promises to keep).
"""

import hashlib
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from jaxtyping import Int


class BlockOrder:
    """The order of examples that lie in the shards `shard_of` (one number an example), `group` shards at a time."""

    def __init__(self, shard_of: Int[np.ndarray, " size"], group: int) -> None:
        self._shard_of = shard_of
        self._group = group
        self._dtype = np.int32 if len(shard_of) < 2**31 else np.int64

    def order(self, seed: int, number: int) -> Int[np.ndarray, " size"]:
        """Every index once, four bytes each."""
        bits = _bits(seed, number, "examples")
        order = np.empty(len(self._shard_of), self._dtype)
        start = 0
        for group in self.groups(seed, number):
            members = np.concatenate([self._members(shard) for shard in group])
            order[start : start + len(members)] = members[_permutation(len(members), bits)]
            start += len(members)
        return order

    def groups(self, seed: int, number: int) -> Iterator[list[int]]:
        """The shards that pass `number` reads together, one group after the other."""
        shards, _ = self._by_shard
        order = shards[_permutation(len(shards), _bits(seed, number, "shards"))].tolist()
        return (order[start : start + self._group] for start in range(0, len(order), self._group))

    def _members(self, shard: int) -> Int[np.ndarray, " members"]:
        shards, starts = self._by_shard
        place = np.searchsorted(shards, shard)
        return self._indices[starts[place] : starts[place + 1]]

    @cached_property
    def _indices(self) -> Int[np.ndarray, " size"]:
        """All indices, shard by shard."""
        return np.argsort(self._shard_of, kind="stable").astype(self._dtype)

    @cached_property
    def _by_shard(self) -> tuple[Int[np.ndarray, " shards"], Int[np.ndarray, " shards_and_one"]]:
        """The shards that have examples, and where those of each begin among all indices."""
        shards, counts = np.unique(self._shard_of, return_counts=True)
        return shards, np.concatenate(([0], np.cumsum(counts)))


def _bits(seed: int, number: int, what: str) -> np.random.PCG64:
    digest = hashlib.sha256(f"{seed}/pass/{number}/{what}".encode()).digest()
    return np.random.PCG64(int.from_bytes(digest[:16], "little"))


def _permutation(size: int, bits: np.random.PCG64) -> Int[np.ndarray, " size"]:
    return np.argsort(bits.random_raw(size), kind="stable")
