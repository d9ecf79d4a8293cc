"""Nuisances that do not change a picture's content: contrast, blur, noise and eight bits, in that order.

Amounts are for pixels in [0, 1], as in the literature, though pictures here are in [-1, 1].
"""

from dataclasses import dataclass

import torch

from diptych.world.perturbations import Pictures, blurred, noisy


@dataclass(frozen=True)
class Nuisance:
    """One condition of pictures.

    `blur` is the standard deviation in pixels of a Gaussian, `noise` that of every value of every pixel in [0, 1];
    `contrast` scales the difference from the grey background and is clipped to the range of pixels.
    """

    contrast: float = 1.0
    blur: float = 0.0
    noise: float = 0.0
    eight_bit: bool = False

    @property
    def name(self) -> str:
        """The condition in words, such as `blur 0.8, noise 0.05`."""
        parts = [
            f"contrast {self.contrast:g}" if self.contrast != 1 else "",
            f"blur {self.blur:g}" if self.blur else "",
            f"noise {self.noise:g}" if self.noise else "",
            "8 bit" if self.eight_bit else "",
        ]
        return ", ".join(filter(None, parts)) or "clean"

    @property
    def is_single(self) -> bool:
        """Whether it has at most one nuisance."""
        return sum((self.contrast != 1, self.blur > 0, self.noise > 0, self.eight_bit)) <= 1

    def apply(self, images: Pictures, rng: torch.Generator) -> Pictures:
        """The pictures under this condition, in [-1, 1]; noise is drawn on `rng`'s device."""
        images = (self.contrast * images).clamp(-1, 1)
        if self.blur:
            images = blurred(images, self.blur)
        if self.noise:
            images = noisy(images, self.noise, rng)
        return ((images + 1) * 127.5).round() / 127.5 - 1 if self.eight_bit else images


LOSSLESS = (Nuisance(), Nuisance(eight_bit=True))
"""Conditions under which every picture must be read exactly."""

SINGLE = (
    Nuisance(noise=0.05),
    Nuisance(noise=0.1),
    Nuisance(blur=0.8),
    Nuisance(blur=1.2),
    Nuisance(contrast=0.7),
    Nuisance(contrast=1.1),
)
"""The range that is allowed, one nuisance at a time."""

COMBINED = (
    Nuisance(blur=0.8, noise=0.05),
    Nuisance(blur=0.8, noise=0.1),
    Nuisance(blur=1.2, noise=0.05),
    Nuisance(blur=1.2, noise=0.1),
    Nuisance(contrast=0.7, blur=0.8, noise=0.05),
)
"""Two or three at once: what can be read at all is bounded, see `information`."""
