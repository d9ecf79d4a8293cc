"""How the discriminator sees the images of a step: what all chosen augmentations have drawn for them."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import torch
from torch import nn

from diptych.systems.devices import draw_uniform
from diptych.systems.gan.augmentations.base import Augmentation, Composition, Numbers
from diptych.types import Images, Logits


@dataclass(frozen=True)
class View:
    """One way of seeing a batch: the same numbers show the same images always alike.

    Gradients pass through it to the images. Half precision is left before anything is computed.
    """

    augmentation: Augmentation | None = None
    numbers: Numbers | None = None
    images_seen: int = 0

    def __call__(self, images: Images) -> Images:
        """What is seen; the images themselves where there is no augmentation."""
        if self.augmentation is None:
            return images
        with torch.autocast(images.device.type, enabled=False):
            full = images if images.dtype == torch.float64 else images.float()
            return self.augmentation(full, self.numbers, self.images_seen)

    def rows(self, part: slice) -> Self:
        """How a part of the batch is seen."""
        return self if self.numbers is None else replace(self, numbers=self.numbers[part])


class Views(NamedTuple):
    """How the real and the generated images of a step are seen."""

    real: View = View()
    fake: View = View()


UNCHANGED = Views()


def draw_view(augmentation: Augmentation, images: Images, *, rng: torch.Generator, images_seen: int) -> View:
    """Numbers for the images of this device's share, drawn for the joint batch."""
    numbers = draw_uniform(len(images), augmentation.num_numbers(images.shape), rng=rng)
    return View(augmentation, numbers.to(images.device), images_seen)


class Augmentations(nn.ModuleDict):
    """The chosen augmentations by key, applied in their order."""

    def views(self, images: Images, *, rng: torch.Generator, images_seen: int, with_real: bool = True) -> Views:
        """How real images (if wanted) and generated ones of the step are seen, drawn apart and alike."""
        if not self:
            return UNCHANGED
        together = Composition(self._chosen())
        draw = lambda: draw_view(together, images, rng=rng, images_seen=images_seen)  # noqa: E731
        return Views(draw() if with_real else View(), draw())

    def observe(self, real_logits: Logits, boundary: float | None) -> None:
        """Tell all of them what the discriminator said of the real images of its step."""
        for augmentation in self._chosen():
            augmentation.observe(real_logits, boundary or 0.0)

    def figures(self) -> dict[str, Any]:
        """What to log of them."""
        return {name: value for augmentation in self._chosen() for name, value in augmentation.figures().items()}

    def _chosen(self) -> list[Augmentation]:
        return [augmentation for augmentation in self.values() if isinstance(augmentation, Augmentation)]
