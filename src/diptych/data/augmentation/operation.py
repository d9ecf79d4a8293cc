"""The base of all operations: one random change of a training picture, and what of its captions it may make untrue.

An operation is one class and one row of `docs/data_augmentation.md`. Pictures are in [-1, 1]. Randomness is an
argument: `draw` takes numbers from a generator, and the same numbers always make the same change.
"""

from abc import ABC, abstractmethod
from random import Random
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from diptych.types import Scene

COLOUR, SIZE, SHAPE, COUNT, POSITION = "colour", "size", "shape", "count", "position"
SIDE, LETTERS = "side", "letters"
CLAIMS = frozenset({COLOUR, SIZE, SHAPE, COUNT, POSITION, SIDE, LETTERS})
"""What captions say of pictures. `side` is a position to the left or right, `letters` is anything that is read."""

Picture = Float[Tensor, "channels height width"]
Numbers = tuple[float, ...]


class Operation(ABC):
    """A random change of the given `strength`, whose meaning and range each class says.

    `USUAL` is the strength that `true` stands for, `NONE` the one that changes nothing. `SAFE` is the strength up to
    which everything that captions say stays true, as the judge has found on rendered scenes (0: never),
    and `BREAKS` what a stronger one may make untrue.
    """

    name: ClassVar[str]
    RANGE: ClassVar[tuple[float, float]]
    NONE: ClassVar[float] = 0.0
    USUAL: ClassVar[float]
    SAFE: ClassVar[float]
    BREAKS: ClassVar[frozenset[str]]
    MEANING: ClassVar[str]

    def __init__(self, strength: float) -> None:
        low, high = self.RANGE
        if not low <= strength <= high:
            raise ValueError(
                f"data.augmentation.{self.name}={strength:g}: this is {self.MEANING}; give {low:g} to {high:g}"
            )
        self.strength = strength

    @property
    def is_safe(self) -> bool:
        """Whether it is no stronger than `SAFE`."""
        return self.strength <= self.SAFE

    @property
    def breaks(self) -> frozenset[str]:
        """What it may make untrue of any picture: where a caption says one of these `CLAIMS`, it is not applied."""
        return frozenset() if self.is_safe else self.BREAKS

    @property
    def breaks_scenes(self) -> frozenset[str]:
        """The same of pictures whose scene is known, where `draw` and `moved` keep the objects in view."""
        return self.breaks

    @abstractmethod
    def draw(self, rng: Random, side: int, scene: Scene | None) -> Numbers | None:
        """The numbers of one change of a picture of `side` pixels, and of its scene; None for no change."""

    @abstractmethod
    def apply(self, image: Picture, numbers: Numbers) -> Picture:
        """The changed picture, of the same size."""

    def moved(self, scene: Scene, numbers: Numbers) -> Scene:
        """The scene that the changed picture shows."""
        return scene


def spread(rng: Random, strength: float) -> float:
    """A uniform number in [-strength, strength)."""
    return strength * (2 * rng.random() - 1)
