"""One example, and a data set's split as a source of examples by number."""

from dataclasses import dataclass
from random import Random
from typing import Protocol

from torch import Tensor

from diptych.types import Scene


@dataclass(frozen=True, slots=True)
class ExampleRequest:
    """The number of an example and its draw in the training stream.

    The random choices for an example (caption, crop) are a function of the data's seed and `draw`. Evaluation uses
    `draw=None`: then they depend on the example alone.
    """

    index: int
    draw: int | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A picture with its sentences, before collation.

    `sentences` become token rows, equally many for every example of a data set. `image` is [channels, height, width],
    in [-1, 1] or as bytes; without it, collation renders the picture from `scene`. `labels` are the labels of the data
    that apply to the example. One that is not `captioned` has sentences that training must not read.
    """

    key: str
    sentences: tuple[str, ...]
    references: tuple[str, ...]
    image: Tensor | None = None
    scene: Scene | None = None
    labels: tuple[str, ...] = ()
    captioned: bool = True


class Examples(Protocol):
    """A data set's split; `size` is None for an infinite one."""

    @property
    def size(self) -> int | None:
        """The number of examples."""
        ...

    def captions_of(self, index: int) -> tuple[str, ...]:
        """All captions of a picture, without opening it."""
        ...

    def __getitem__(self, request: ExampleRequest) -> Example:
        """The requested example; the same request gives the same example in any process."""
        ...


def keyed_rng(*key: int | str) -> Random:
    """A random generator that depends on `key` alone, on every machine and in every process."""
    return Random("/".join(map(str, key)))


def choose_captions(references: tuple[str, ...], number: int, rng: Random) -> tuple[str, ...]:
    """`number` captions of one picture, all different if there are enough."""
    order = rng.sample(references, len(references))
    return tuple(order[i % len(order)] for i in range(number))
