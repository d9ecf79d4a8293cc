"""One example, and what a data set is: something that gives examples by number."""

from dataclasses import dataclass
from random import Random
from typing import Protocol

from torch import Tensor

from diptych.types import Scene


@dataclass(frozen=True, slots=True)
class Request:
    """Which example, for which draw of the training stream.

    Whatever is random about an example (which caption, which crop) is a function of the data's seed and `draw`.
    Evaluation asks with `draw=None`: everything then depends on the example alone.
    """

    index: int
    draw: int | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A picture with its sentences, before they become tensors side by side.

    `sentences` become token rows, equally many for every example of a data set. `image` is [channels, height,
    width], in [-1, 1] or as bytes; without one, the picture is rendered from `scene` at collation. `labels` are those
    of the data's labels that hold.
    """

    key: str
    sentences: tuple[str, ...]
    references: tuple[str, ...]
    image: Tensor | None = None
    scene: Scene | None = None
    labels: tuple[str, ...] = ()


class Examples(Protocol):
    """A data set's split; `size` is None where it is infinite."""

    @property
    def size(self) -> int | None:
        """How many examples there are."""
        ...

    def captions_of(self, index: int) -> tuple[str, ...]:
        """What is said of a picture, without opening it."""
        ...

    def __getitem__(self, request: Request) -> Example:
        """The example asked for; the same request gives the same example, in any process."""
        ...


def keyed_rng(*key: int | str) -> Random:
    """A generator that depends on `key` alone, on every machine and in every process."""
    return Random("/".join(map(str, key)))


def choose_captions(references: tuple[str, ...], number: int, rng: Random) -> tuple[str, ...]:
    """`number` captions of one picture, all different while there are enough."""
    order = rng.sample(references, len(references))
    return tuple(order[i % len(order)] for i in range(number))
