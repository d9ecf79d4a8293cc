"""The endless training stream in epochs, for Trainers that count them: `pl.Trainer(max_epochs=…)`.

An epoch is so many batches that follow one another in the stream; the next one begins where the last one ended. So a
run of epochs sees the same batches as an endless one, and a resumed one goes on in the middle of an epoch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from diptych.data.loading.loader import Loader
from diptych.data.loading.stream import Stream


class KnowsPosition(Protocol):
    """Says, and can be told, how many batches of the stream are done."""

    batches_consumed: int


@dataclass(frozen=True)
class Epochs:
    """Batches of `loader`, `num_batches` at each iteration, from the batch on where `data` says that training is.

    It is no `DataLoader`: Lightning would put another order in the place of the stream's. By `state_dict` Lightning
    knows that it can be resumed anywhere.
    """

    loader: Loader
    stream: Stream
    num_batches: int
    data: KnowsPosition

    def __len__(self) -> int:
        return self.num_batches

    @property
    def waited_seconds(self) -> float:
        """As the loader's."""
        return self.loader.waited_seconds

    def __iter__(self) -> Iterator[Any]:
        start = self.data.batches_consumed
        self.stream.numbers = range(start, start + self.num_batches)
        return iter(self.loader)

    def state_dict(self) -> dict[str, int]:
        """The position."""
        return {"batches": self.data.batches_consumed}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on at a position."""
        self.data.batches_consumed = state["batches"]
