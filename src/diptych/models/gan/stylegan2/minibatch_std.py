"""How much neighbours of a batch differ, as one more plane (Karras et al. 2018, arXiv:1710.10196, section 3)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

EPSILON = 1e-8

Planes = Float[Tensor, "batch channels rows columns"]


class MinibatchStd(nn.Module):
    """Adds a plane: the standard deviation among `group_size` neighbours, averaged over channels and places.

    Groups are consecutive images, so several devices and micro-batches whose shares are multiples of `group_size` see
    the groups that the whole batch has. The last images of a batch that is no multiple are compared with those before
    them; a batch smaller than a group is one group. A single image does not differ from itself: its plane is zero.
    """

    couples_examples = True

    def __init__(self, group_size: int = 4) -> None:
        super().__init__()
        if group_size < 2:
            raise ValueError(f"discriminator.group_size={group_size}: give 2 or more images, or 0 for no such plane")
        self.group_size = group_size

    def forward(self, planes: Planes) -> Float[Tensor, "batch one_more rows columns"]:
        exact = planes if planes.dtype == torch.float64 else planes.float()
        deviations = self._deviations(exact).to(planes)[:, None, None, None]
        return torch.cat([planes, deviations.expand(-1, 1, *planes.shape[2:])], dim=1)

    def _deviations(self, planes: Planes) -> Float[Tensor, " batch"]:
        """One value an image, that of its group."""
        number, size = len(planes), min(self.group_size, len(planes))
        whole = number - number % size
        values = _deviation(planes[:whole].unflatten(0, (-1, size))).repeat_interleave(size)
        if whole == number:
            return values
        last = _deviation(planes[None, -size:])
        return torch.cat([values, last.expand(number - whole)])


def _deviation(groups: Float[Tensor, "groups size channels rows columns"]) -> Float[Tensor, " groups"]:
    variances = groups.var(dim=1, correction=0)
    return ((variances + EPSILON).sqrt() - EPSILON**0.5).flatten(1).mean(1)
