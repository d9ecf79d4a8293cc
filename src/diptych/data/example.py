"""One example, and a data set's split as a source of examples by number."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

import numpy as np
from jaxtyping import Int
from torch import Tensor

from diptych.types import Scene


class Stored(Protocol):
    """Features that lie in a cache."""

    def read(self, *, mirrored: bool) -> tuple[Tensor, Tensor]:
        """The pooled vector and the regions of the picture, or of its mirror image."""
        ...


class View(Protocol):
    """How an example is seen in training: a change of its picture and of its scene."""

    def of_image(self, image: Tensor) -> Tensor:
        """The picture [channels, height, width] as it is seen; both are in [-1, 1]."""
        ...

    def of_scene(self, scene: Scene) -> Scene:
        """The scene that is seen."""
        ...


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
    that apply to the example. One that is not `captioned` has sentences that training must not read. Collation shows
    picture and scene through `view`, if there is one. Of cached `features`, which stand in for the picture, a view
    takes the mirror image.
    """

    key: str
    sentences: tuple[str, ...]
    references: tuple[str, ...]
    image: Tensor | None = None
    scene: Scene | None = None
    labels: tuple[str, ...] = ()
    captioned: bool = True
    view: View | None = None
    features: Stored | None = None


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


class Ordered(Protocol):
    """Finite examples with an order of their own, such as one that suits the files in which they lie."""

    def order(self, seed: int, number: int) -> Sequence[int] | Int[np.ndarray, " size"]:
        """The order of pass `number`: every index once, a function of the seed and the number alone."""
        ...


class FixedOrder(Protocol):
    """Finite examples that do not lie in the fixed order of their data, of which a `train_size` is the beginning."""

    def places_in_fixed_order(self) -> Sequence[int] | Int[np.ndarray, " size"]:
        """The index of the first example in that order, of the second one, and so on."""
        ...


class Labelled(Protocol):
    """Examples that know their labels without opening a picture."""

    def label_texts_of(self, index: int) -> tuple[str, ...]:
        """The words of an example's labels, without what only tells labels of one name apart."""
        ...


def keyed_rng(*key: int | str) -> Random:
    """A random generator that depends on `key` alone, on every machine and in every process."""
    return Random("/".join(map(str, key)))


def choose_captions(references: tuple[str, ...], number: int, rng: Random) -> tuple[str, ...]:
    """`number` captions of one picture, all different if there are enough."""
    order = rng.sample(references, len(references))
    return tuple(order[i % len(order)] for i in range(number))
