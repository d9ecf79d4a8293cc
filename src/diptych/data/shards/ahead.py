"""Shards that are fetched while others are trained on."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int

from diptych.data.shards.order import BlockOrder

IDLE_SECONDS = 5.0


@runtime_checkable
class Fetched(Protocol):
    """A file that has to be fetched before it can be read."""

    def fetch(self) -> Path:
        """Make sure that it is here."""
        ...


class Ahead:
    """Has the next group of shards fetched in the background, in one thread of each process that reads.

    A failure there is left to whoever reads the shard. Processes that ask for the same shard wait for one another.
    """

    def __init__(self, blocks: BlockOrder, seed: int, size: int, file_of: Callable[[int], Any]) -> None:
        self._given = (blocks, seed, size, file_of)
        self._pass = lru_cache(maxsize=2)(lambda number: _pass(blocks, seed, number))
        self._last: tuple[int, int, int] | None = None
        self._asked: SimpleQueue[Fetched] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def at(self, unit: int, draw: int) -> None:
        """Say which unit of the shards the draw is read from."""
        _, _, size, file_of = self._given
        number = draw // size
        groups, place_of = self._pass(number)
        place = int(place_of[unit])
        if self._last == (os.getpid(), number, place):
            return
        self._last = (os.getpid(), number, place)
        following = groups[place + 1] if place + 1 < len(groups) else self._pass(number + 1)[0][0]
        for file in map(file_of, following):
            if isinstance(file, Fetched):  # others lie on this machine
                self._asked.put(file)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        with suppress(Empty):
            while True:
                file = self._asked.get(timeout=IDLE_SECONDS)
                with suppress(ValueError, OSError):
                    file.fetch()

    def __reduce__(self) -> tuple[Any, ...]:
        return Ahead, self._given  # a process has a thread of its own


def _pass(blocks: BlockOrder, seed: int, number: int) -> tuple[list[list[int]], Int[np.ndarray, " units"]]:
    """The groups of a pass, and the place of each unit's group among them."""
    groups = list(blocks.groups(seed, number))
    place_of = np.zeros(1 + max(map(max, groups), default=0), np.int32)
    for place, group in enumerate(groups):
        place_of[group] = place
    return groups, place_of
