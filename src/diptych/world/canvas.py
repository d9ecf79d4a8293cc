"""Pictures from which patches around objects are cut, and to which patches are added."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


class Canvas:
    """A batch of pictures with a border wide enough for patches that reach over the edge."""

    def __init__(self, images: Float[Tensor, "b 3 side side"]) -> None:
        self.side = images.shape[-1]
        self.patch = 2 * -(-3 * self.side // 8) + 1
        """Side of a patch: the largest object plus a margin for blur and an inexact position."""
        self._padded = F.pad(images, [self.patch] * 4)

    @property
    def images(self) -> Float[Tensor, "b 3 side side"]:
        """The current pictures."""
        inner = slice(self.patch, self.patch + self.side)
        return self._padded[:, :, inner, inner]

    def corners(self, x: Float[Tensor, " n"], y: Float[Tensor, " n"]) -> Int[Tensor, "n 2"]:
        """Upper left corners (x, y) of the patches around these positions."""
        places = torch.stack([x, y], dim=1).clamp(0, self.side)
        return places.floor().long() - self.patch // 2

    def cut(self, image: Int[Tensor, " n"], corners: Int[Tensor, "n 2"]) -> Float[Tensor, "n 3 patch patch"]:
        """Copies of the patches."""
        return self._padded[self._index(image, corners)]

    def add(
        self, image: Int[Tensor, " n"], corners: Int[Tensor, "n 2"], patches: Float[Tensor, "n 3 patch patch"]
    ) -> None:
        """Add the patches to the pictures."""
        self._padded.index_put_(self._index(image, corners), patches, accumulate=True)

    def _index(self, image: Int[Tensor, " n"], corners: Int[Tensor, "n 2"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        steps = torch.arange(self.patch, device=image.device)
        columns = corners[:, 0, None] + self.patch + steps
        rows = corners[:, 1, None] + self.patch + steps
        channels = torch.arange(3, device=image.device)
        return image[:, None, None, None], channels[None, :, None, None], rows[:, None, :, None], columns[:, None, None]
