"""The endless training stream in epochs, for Trainers that count them: `pl.Trainer(max_epochs=…)`.

An epoch is so many batches that follow one another in the stream; the next one begins where the last one ended. So a
run of epochs sees the same batches as an endless one, and a resumed one goes on in the middle of an epoch.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from diptych.data.stream import Stream


@dataclass(frozen=True)
class Epochs:
    """Batches of `loader`, `num_batches` at each iteration; `position` says how many are done before it.

    It is no `DataLoader`: Lightning would put another order in the place of the stream's.
    """

    loader: Iterable[Any]
    stream: Stream
    num_batches: int
    position: Callable[[], int]

    def __len__(self) -> int:
        return self.num_batches

    def __iter__(self) -> Iterator[Any]:
        start = self.position()
        self.stream.numbers = range(start, start + self.num_batches)
        return iter(self.loader)
