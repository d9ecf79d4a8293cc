"""From images in [-1, 1] to the pixels that a pretrained network wants."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from diptych.types import Images


@dataclass(frozen=True)
class Normalisation:
    """The mean and standard deviation, of colours in [0, 1], with which a network was trained."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, mean: Sequence[float], std: Sequence[float]) -> "Normalisation":
        """From any sequences."""
        return cls(tuple(map(float, mean)), tuple(map(float, std)))

    def __call__(self, images: Images) -> Float[Tensor, "batch 3 height width"]:
        """Colours of mean 0 and deviation 1."""
        mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        return ((images + 1) / 2 - mean) / std
