"""Changes of all colours of a picture: light, contrast and saturation, hue, and grey pictures."""

from random import Random

from torchvision.transforms.v2 import functional

from diptych.data.augmentation.operation import COLOUR, Numbers, Operation, Picture, spread
from diptych.types import Scene


class Colour(Operation):
    """Brightness, contrast and saturation, each times 1 ± `strength`.

    `SAFE` holds for the pure colours of scenes. The colours of a photograph lie anywhere, also between two names, so
    that no strength is safe where a caption names one.
    """

    name = "colour"
    RANGE, USUAL, SAFE = (0.0, 1.0), 0.2, 0.2
    MEANING = "the most by which brightness, contrast and saturation change, as a share"
    BREAKS = frozenset({COLOUR})

    @property
    def breaks(self) -> frozenset[str]:
        return self.BREAKS

    @property
    def breaks_scenes(self) -> frozenset[str]:
        return frozenset() if self.is_safe else self.BREAKS

    def draw(self, rng: Random, side: int, scene: Scene | None) -> Numbers | None:
        return tuple(1 + spread(rng, self.strength) for _ in range(3))

    def apply(self, image: Picture, numbers: Numbers) -> Picture:
        brightness, contrast, saturation = numbers
        pixels = functional.adjust_brightness((image + 1) / 2, brightness)
        pixels = functional.adjust_contrast(pixels, contrast)
        return 2 * functional.adjust_saturation(pixels, saturation) - 1


class Hue(Operation):
    """All colours turned around the colour circle by at most `strength` turns; grey pictures stay."""

    name = "hue"
    RANGE, USUAL, SAFE = (0.0, 0.5), 0.05, 0.0
    MEANING = "the most by which colours turn, in turns of the colour circle"
    BREAKS = frozenset({COLOUR})

    def draw(self, rng: Random, side: int, scene: Scene | None) -> Numbers | None:
        return (spread(rng, self.strength),)

    def apply(self, image: Picture, numbers: Numbers) -> Picture:
        return 2 * functional.adjust_hue((image + 1) / 2, numbers[0]) - 1


class Grey(Operation):
    """Some pictures without their colours."""

    name = "grey"
    RANGE, USUAL, SAFE = (0.0, 1.0), 0.2, 0.0
    MEANING = "the share of pictures that lose their colours"
    BREAKS = frozenset({COLOUR})

    def draw(self, rng: Random, side: int, scene: Scene | None) -> Numbers | None:
        return () if rng.random() < self.strength else None

    def apply(self, image: Picture, numbers: Numbers) -> Picture:
        return 2 * functional.rgb_to_grayscale((image + 1) / 2, num_output_channels=len(image)) - 1
