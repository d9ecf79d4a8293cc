"""Gaussian noise on what the discriminator sees, less and less of it (instance noise).

Sønderby et al. 2017 (arXiv:1610.04490, section 3) and Arjovsky & Bottou 2017 (arXiv:1701.04862): real and generated
images that do not overlap are told apart perfectly, which teaches nothing; noise makes them overlap. It makes no
sentence untrue: what it hides, it hides from both.
"""

from collections.abc import Collection

import torch

from diptych.systems.gan.augmentations.base import Augmentation, Numbers
from diptych.systems.schedules import Schedule
from diptych.types import Images

LEAST = 2.0**-25
"""Half the distance of two uniform numbers: a number of 0 would be infinitely far out."""


class InstanceNoise(Augmentation):
    """Independent normal noise of the standard deviation `std`, in units of pixels (images are in [-1, 1]).

    `schedule` multiplies `std` by a factor that depends on the images seen (None: constant).
    """

    def __init__(self, *, std: float = 0.1, schedule: Schedule | None = None, may_break: Collection[str] = ()) -> None:
        super().__init__(may_break=may_break)
        if std < 0:
            raise ValueError(f"std={std} is negative; give the standard deviation of the noise, 0 or more")
        self.std, self.schedule = std, schedule

    def num_numbers(self, shape: torch.Size) -> int:
        return shape[1:].numel()

    def forward(self, images: Images, numbers: Numbers, images_seen: int = 0) -> Images:
        noise = torch.special.ndtri(numbers.clamp(LEAST, 1 - LEAST * 2)).view_as(images).to(images)
        return images + self.std_after(images_seen) * noise

    def std_after(self, images_seen: int) -> float:
        """The standard deviation after so many images of training."""
        return self.std * (1.0 if self.schedule is None else self.schedule(images_seen))
