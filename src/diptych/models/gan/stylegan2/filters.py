"""Resampling with the filter [1, 3, 3, 1] (Karras et al. 2020, arXiv:1912.04958; Zhang 2019, arXiv:1904.11486).

Doubling puts zeros between pixels and smooths them; halving smooths and drops every other pixel. Borders see zeros.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

TAPS = (1.0, 3.0, 3.0, 1.0)

Planes = Float[Tensor, "batch channels rows columns"]
NewPlanes = Float[Tensor, "batch channels new_rows new_columns"]


class Filter(nn.Module):
    """The filter over rows and columns, for each channel by itself; a constant image keeps its values."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor(TAPS) / sum(TAPS)
        self.register_buffer("kernel", taps[:, None] * taps[None, :], persistent=False)

    def smoothed(self, planes: Planes, *, padding: int, gain: float = 1.0, stride: int = 1) -> NewPlanes:
        """Each pixel from 4x4 others; `padding` zeros around the image."""
        return F.conv2d(planes, self._kernels(planes, gain), padding=padding, stride=stride, groups=planes.shape[1])

    def doubled(self, planes: Planes) -> NewPlanes:
        """Twice the size."""
        kernels = self._kernels(planes, 4.0)  # of four pixels, three were zeros
        return F.conv_transpose2d(planes, kernels, stride=2, padding=1, groups=planes.shape[1])

    def halved(self, planes: Planes) -> NewPlanes:
        """Half the size."""
        return self.smoothed(planes, padding=1, stride=2)

    def _kernels(self, planes: Planes, gain: float) -> Float[Tensor, "channels 1 4 4"]:
        return (gain * self.kernel).expand(planes.shape[1], 1, -1, -1).contiguous()
