"""Changes of all colours of an image alike (the colour part of DiffAugment, Zhao et al. 2020, arXiv:2006.10738)."""

from math import pi

import torch

from diptych.systems.gan.augmentations.base import Numbers, Operation, spread
from diptych.types import Images


class Brightness(Operation):
    """All values plus a number of at most `strength` (values are in [-1, 1]); the article's is 0.5."""

    SAFE, ASPECT, REASON = 0.2, "colour", "makes dark colours light"

    def forward(self, images: Images, numbers: Numbers, images_seen: int = 0) -> Images:
        return images + spread(numbers[:, 0], self.strength)


class Saturation(Operation):
    """Differences of a pixel's channels from their mean, times 1 ± `strength`; the article's is 1, grey at one end."""

    SAFE, ASPECT, REASON = 0.2, "colour", "makes colours grey"

    def forward(self, images: Images, numbers: Numbers, images_seen: int = 0) -> Images:
        grey = images.mean(1, keepdim=True)
        return images + spread(numbers[:, 0], self.strength) * (images - grey)


class Contrast(Operation):
    """Differences from the image's mean value, times 1 ± `strength`; the article's is 0.5."""

    SAFE, ASPECT, REASON = 0.2, "colour", "makes colours fade into one another"

    def forward(self, images: Images, numbers: Numbers, images_seen: int = 0) -> Images:
        mean = images.mean((1, 2, 3), keepdim=True)
        return images + spread(numbers[:, 0], self.strength) * (images - mean)


class Hue(Operation):
    """Colours turned around the grey axis by at most `strength` half turns; ADA's (arXiv:2006.06676) is 1."""

    SAFE, ASPECT, REASON = 0.0, "colour", "turns colours into other colours"

    def forward(self, images: Images, numbers: Numbers, images_seen: int = 0) -> Images:
        if images.shape[1] != 3:
            return images
        angle = pi * spread(numbers[:, 0], self.strength)
        grey = images.mean(1, keepdim=True)
        colour = images - grey
        across = (colour.roll(1, 1) - colour.roll(-1, 1)) / 3**0.5  # the grey axis times the colour
        return grey + torch.cos(angle) * colour + torch.sin(angle) * across
