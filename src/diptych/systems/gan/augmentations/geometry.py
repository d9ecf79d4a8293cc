"""Changes of where things are: shifts, sizes, turns and mirror images. What comes in from outside is mid-grey (0).

Pixels are taken by index and not by `grid_sample`, whose derivative torch cannot derive again.
"""

from math import log, pi

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from diptych.systems.gan.augmentations.base import Numbers, Operation, whole_number
from diptych.types import Images

Places = Int[Tensor, "batch rows columns"]


class Translation(Operation):
    """Shifts by whole pixels, at most the share `strength` of a side; DiffAugment's (arXiv:2006.10738) is 1/8."""

    SAFE, ASPECT, REASON, NUMBERS = 1 / 16, "count", "moves things out of the picture", 2

    def forward(self, images: Images, numbers: Numbers, images_seen: int = 0) -> Images:
        height, width = images.shape[2:]
        down, right = (self._shifts(numbers[:, i], side) for i, side in enumerate((height, width)))
        rows = torch.arange(height, device=images.device)[None, :, None] - down[:, None, None]
        columns = torch.arange(width, device=images.device)[None, None, :] - right[:, None, None]
        return _taken(images, *torch.broadcast_tensors(rows, columns))

    def _shifts(self, numbers: Float[Tensor, " batch"], side: int) -> Int[Tensor, " batch"]:
        most = int(self.strength * side + 0.5)
        return whole_number(numbers, 2 * most + 1) - most


class Scaling(Operation):
    """Everything larger or smaller by at most the share `strength`, about the middle; as often one as the other."""

    SAFE, ASPECT, REASON = 0.03, "size", "makes large things small"

    def forward(self, images: Images, numbers: Numbers, images_seen: int = 0) -> Images:
        factors = torch.exp(log(1 + self.strength) * (2 * numbers[:, 0] - 1))
        return _resampled(images, 1 / factors, torch.zeros_like(factors))


class Rotation(Operation):
    """Turns about the middle by at most `strength` degrees, either way."""

    SAFE, ASPECT, REASON = 5.0, "position", "turns what is above to the side"

    def forward(self, images: Images, numbers: Numbers, images_seen: int = 0) -> Images:
        angles = self.strength * (2 * numbers[:, 0] - 1) * pi / 180
        return _resampled(images, torch.cos(angles), torch.sin(angles))


class Flip(Operation):
    """Mirror images, left for right, of the share `strength` of images."""

    SAFE, ASPECT, REASON = 0.0, "position", "exchanges left and right"

    def forward(self, images: Images, numbers: Numbers, images_seen: int = 0) -> Images:
        return torch.where((numbers[:, 0] < self.strength)[:, None, None, None], images.flip(3), images)


class QuarterTurn(Operation):
    """One, two or three quarter turns of the share `strength` of (square) images."""

    SAFE, ASPECT, REASON = 0.0, "position", "turns what is above to the side"

    def forward(self, images: Images, numbers: Numbers, images_seen: int = 0) -> Images:
        turned = [images.rot90(turns, (2, 3)) for turns in (1, 2, 3)]
        for turns, candidate in enumerate(turned):
            low, high = (self.strength * edge / 3 for edge in (turns, turns + 1))
            chosen = (numbers[:, 0] >= low) & (numbers[:, 0] < high)
            images = torch.where(chosen[:, None, None, None], candidate, images)
        return images


def _resampled(images: Images, cosine: Float[Tensor, " batch"], sine: Float[Tensor, " batch"]) -> Images:
    """Bilinear values at (x cosine - y sine, x sine + y cosine), in pixels from the middle."""
    height, width = images.shape[2:]
    y = (torch.arange(height, device=images.device) - (height - 1) / 2)[None, :, None]
    x = (torch.arange(width, device=images.device) - (width - 1) / 2)[None, None, :]
    cosine, sine = cosine[:, None, None], sine[:, None, None]
    rows = sine * x + cosine * y + (height - 1) / 2
    columns = cosine * x - sine * y + (width - 1) / 2
    top, left = rows.floor(), columns.floor()
    below, right = (rows - top)[:, None].to(images), (columns - left)[:, None].to(images)
    top, left = top.long(), left.long()
    upper = (1 - right) * _taken(images, top, left) + right * _taken(images, top, left + 1)
    lower = (1 - right) * _taken(images, top + 1, left) + right * _taken(images, top + 1, left + 1)
    return (1 - below) * upper + below * lower


def _taken(images: Images, rows: Places, columns: Places) -> Images:
    """The pixels at these places; 0 outside."""
    height, width = images.shape[2:]
    framed = F.pad(images, (1, 1, 1, 1)).movedim(1, 3)
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    return framed[batch, (rows + 1).clamp(0, height + 1), (columns + 1).clamp(0, width + 1)].movedim(3, 1)
