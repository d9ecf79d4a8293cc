"""Pictures out of focus."""

from math import ceil
from random import Random

from torchvision.transforms.v2 import functional

from diptych.data.augmentation.operation import COUNT, LETTERS, SHAPE, SIZE, Numbers, Operation, Picture
from diptych.types import Scene

LEAST_PIXELS = 0.05
"""A blur of a smaller standard deviation changes no pixel by a 255th."""


class Blur(Operation):
    """A Gaussian blur whose standard deviation is at most `strength` of the side."""

    name = "blur"
    RANGE, USUAL, SAFE = (0.0, 0.1), 0.02, 0.02
    MEANING = "the largest standard deviation of the blur, as a share of the side"
    BREAKS = frozenset({SHAPE, COUNT, SIZE, LETTERS})

    def draw(self, rng: Random, side: int, scene: Scene | None) -> Numbers | None:
        sigma = rng.random() * self.strength
        return (sigma,) if sigma * side > LEAST_PIXELS else None

    def apply(self, image: Picture, numbers: Numbers) -> Picture:
        side = min(image.shape[1:])
        sigma = numbers[0] * side
        reach = min(ceil(3 * sigma), side - 1)
        return functional.gaussian_blur(image, [2 * reach + 1] * 2, [sigma] * 2)
