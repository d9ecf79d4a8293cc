"""A square of the image is hidden (Cutout, as in DiffAugment, Zhao et al. 2020, arXiv:2006.10738)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diptych.systems.gan.augmentations.base import Numbers, Operation, whole_number
from diptych.types import Images


class Cutout(Operation):
    """A square of the share `strength` of a side becomes mid-grey; it may lie over the edge. The article's is 0.5."""

    SAFE, ASPECT, REASON, NUMBERS = 0.0, "count", "hides things that sentences name", 2

    def forward(self, images: Images, numbers: Numbers, images_seen: int = 0) -> Images:
        rows, columns = (self._hidden(numbers[:, i], side) for i, side in enumerate(images.shape[2:]))
        hidden = rows[:, None, :, None] & columns[:, None, None, :]
        return torch.where(hidden, torch.zeros_like(images), images)

    def _hidden(self, numbers: Float[Tensor, " batch"], side: int) -> Bool[Tensor, "batch side"]:
        """Which places along a side are hidden; the middle of the square is anywhere on it."""
        length = int(self.strength * side + 0.5)
        start = whole_number(numbers, side + 1 - length % 2) - length // 2
        places = torch.arange(side, device=numbers.device)
        return (places >= start[:, None]) & (places < start[:, None] + length)
