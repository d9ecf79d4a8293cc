"""Changes of where things are: mirror images, crops and turns.

What comes in from outside continues the picture's edge. Lengths in the numbers are shares of the side.
"""

from dataclasses import replace
from math import ceil, cos, exp, log, radians, sin, sqrt
from random import Random

from torchvision.transforms.v2 import InterpolationMode, functional

from diptych.data.augmentation.operation import COUNT, LETTERS, POSITION, SHAPE, SIDE, SIZE, Numbers, Operation, Picture
from diptych.data.augmentation.scenes import box_of, most_zoom
from diptych.types import Scene

MOST_ASPECT = 4 / 3


class Flip(Operation):
    """Mirror images, left for right."""

    name = "flip"
    RANGE, USUAL, SAFE = (0.0, 1.0), 0.5, 0.0
    MEANING = "the share of pictures that are mirrored"
    BREAKS = frozenset({SIDE, LETTERS})

    @property
    def breaks_scenes(self) -> frozenset[str]:
        return frozenset({SIDE})

    def draw(self, rng: Random, side: int, scene: Scene | None) -> Numbers | None:
        return () if rng.random() < self.strength else None

    def apply(self, image: Picture, numbers: Numbers) -> Picture:
        return functional.horizontal_flip(image)

    def moved(self, scene: Scene, numbers: Numbers) -> Scene:
        return Scene(scene.side, tuple(replace(thing, x=scene.side - thing.x) for thing in scene.objects))


class Crop(Operation):
    """A window of the picture, enlarged to its full size.

    Its share of the area is uniform from `strength` on, its width is 3/4 to 4/3 of its height, and it lies anywhere. Of
    a picture whose scene is known it is square, has all objects in it and leaves them their names of sizes.
    """

    name = "crop"
    RANGE, NONE, USUAL, SAFE = (0.05, 1.0), 1.0, 0.8, 0.95
    MEANING = "the least share of the area that is kept"
    BREAKS = frozenset({COUNT, POSITION, SIDE, SIZE, SHAPE, LETTERS})

    @property
    def is_safe(self) -> bool:
        return self.strength >= self.SAFE

    @property
    def breaks_scenes(self) -> frozenset[str]:
        return frozenset()

    def draw(self, rng: Random, side: int, scene: Scene | None) -> Numbers | None:
        least = self.strength if scene is None else max(self.strength, 1 / most_zoom(scene) ** 2)
        area = least + (1 - least) * rng.random()
        most = min(MOST_ASPECT, 1 / area) if scene is None else 1.0
        aspect = exp(log(most) * (2 * rng.random() - 1))
        width, height = (min(side, ceil(side * sqrt(area * ratio))) for ratio in (aspect, 1 / aspect))
        across, down = rng.random(), rng.random()
        first, last = ((side, side), (0, 0)) if scene is None else box_of(scene, side)
        left = _start(across, width, side, first[0], last[0])
        top = _start(down, height, side, first[1], last[1])
        if left is None or top is None or width == height == side:
            return None
        return left / side, top / side, width / side, height / side

    def apply(self, image: Picture, numbers: Numbers) -> Picture:
        height, width = image.shape[1:]
        left, top, across, down = numbers
        window = round(top * height), round(left * width), round(down * height), round(across * width)
        return functional.resized_crop(image, *window, size=[height, width], antialias=True)

    def moved(self, scene: Scene, numbers: Numbers) -> Scene:
        left, top, scale = numbers[0] * scene.side, numbers[1] * scene.side, 1 / numbers[2]
        return Scene(
            scene.side,
            tuple(
                replace(thing, x=(thing.x - left) * scale, y=(thing.y - top) * scale, radius=thing.radius * scale)
                for thing in scene.objects
            ),
        )


class Rotation(Operation):
    """Turns about the middle by at most `strength` degrees, either way."""

    name = "rotation"
    RANGE, USUAL, SAFE = (0.0, 45.0), 5.0, 5.0
    MEANING = "the most degrees that a picture is turned by"
    BREAKS = frozenset({POSITION, SIDE, SHAPE, COUNT})

    def draw(self, rng: Random, side: int, scene: Scene | None) -> Numbers | None:
        return (self.strength * (2 * rng.random() - 1),)

    def apply(self, image: Picture, numbers: Numbers) -> Picture:
        height, width = image.shape[1:]
        frame = ceil(max(height, width) * (sqrt(2) - 1) / 2) + 1
        framed = functional.pad(image, [frame], padding_mode="edge")
        turned = functional.rotate(framed, numbers[0], interpolation=InterpolationMode.BILINEAR)
        return functional.crop(turned, frame, frame, height, width)

    def moved(self, scene: Scene, numbers: Numbers) -> Scene:
        middle, angle = scene.side / 2, radians(numbers[0])
        cosine, sine = cos(angle), sin(angle)
        turned = []
        for thing in scene.objects:
            right, down = thing.x - middle, thing.y - middle
            x, y = middle + cosine * right + sine * down, middle - sine * right + cosine * down
            turned.append(replace(thing, x=x, y=y))
        return Scene(scene.side, tuple(turned))


def _start(place: float, length: int, side: int, first: int, last: int) -> int | None:
    """Where an interval of `length` pixels starts that has pixels `first` to `last` in it; None where none has."""
    low, high = max(0, last - length), min(first, side - length)
    return None if low > high else low + min(int(place * (high - low + 1)), high - low)
