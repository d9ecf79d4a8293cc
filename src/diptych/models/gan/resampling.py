"""Changes of size: 3x3 convolutions fused with a mean pool or a doubling, and interpolation by a filter.

A fused layer holds the weights of its 3x3 convolution and computes the same as both steps, in 16 multiplications where
they take 36 (as ProGAN's fused scaling does, Karras et al. 2018, arXiv:1710.10196, with other weights).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Planes = Float[Tensor, "batch channels rows columns"]
NewPlanes = Float[Tensor, "batch new_channels new_rows new_columns"]

FILTER = (1 / 8, 3 / 8, 3 / 8, 1 / 8)
"""R3GAN's [1, 2, 1] (arXiv:2501.05441), widened to change the size by two. Away from borders it is bilinear."""


class PooledConv2d(nn.Conv2d):
    """A 3x3 convolution, then the mean of each 2x2 pixels."""

    def __init__(self, ins: int, outs: int) -> None:
        super().__init__(ins, outs, 3, padding=1)

    def forward(self, input: Planes) -> NewPlanes:
        return F.conv2d(input, _summed_over_shifts(self.weight) / 4, self.bias, stride=2, padding=1)


class DoubledConv2d(nn.Conv2d):
    """Each pixel repeated as 2x2 pixels, then a 3x3 convolution."""

    def __init__(self, ins: int, outs: int) -> None:
        super().__init__(ins, outs, 3, padding=1)

    def forward(self, input: Planes) -> NewPlanes:
        weight = _summed_over_shifts(self.weight).flip(2, 3).transpose(0, 1)
        return F.conv_transpose2d(input, weight, self.bias, stride=2, padding=1)


class InterpolatedHalf(nn.Module):
    """Planes of `side` pixels at half the size, through a low-pass filter; beyond the border lies zero.

    The filter is a product with a matrix for rows and columns: a small share of a depthwise convolution's time where
    gradients are penalised.
    """

    weights: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.register_buffer("weights", _halving(side), persistent=False)

    def forward(self, planes: Planes) -> NewPlanes:
        return _both_ways(planes, self.weights)


class InterpolatedDouble(nn.Module):
    """Planes of `side` pixels at twice the size, through the same filter; beyond the border lies zero."""

    weights: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.register_buffer("weights", 2 * _halving(2 * side).t().contiguous(), persistent=False)

    def forward(self, planes: Planes) -> NewPlanes:
        return _both_ways(planes, self.weights)


def _summed_over_shifts(
    weight: Float[Tensor, "outs ins rows columns"],
) -> Float[Tensor, "outs ins more_rows more_columns"]:
    """The 4x4 kernel that sums what a 3x3 one says at four neighbouring pixels."""
    return (
        F.pad(weight, (1, 0, 1, 0))
        + F.pad(weight, (0, 1, 1, 0))
        + F.pad(weight, (1, 0, 0, 1))
        + F.pad(weight, (0, 1, 0, 1))
    )


def _halving(side: int) -> Float[Tensor, "side half"]:
    """Column i holds the filter, centred on pixels 2i and 2i + 1; what lies beyond the border is cut off."""
    half = side // 2
    columns = torch.arange(half)
    weights = torch.zeros(side + 2, half)
    for offset, weight in enumerate(FILTER):
        weights[2 * columns + offset, columns] = weight
    return weights[1:-1].contiguous()


def _both_ways(planes: Planes, weights: Float[Tensor, "side new_side"]) -> NewPlanes:
    """Rows, then columns, times the weights."""
    return ((planes @ weights).transpose(2, 3) @ weights).transpose(2, 3)
