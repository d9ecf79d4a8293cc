"""Layers with equalised learning rate (Karras et al. 2018, arXiv:1710.10196, section 4.1).

Weights start as N(0, 1) and are scaled at each use by the root of one over their inputs. An optimiser whose steps are
all of one size, such as Adam, then changes each layer at the same relative speed.
"""

from math import prod, sqrt

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2

Planes = Float[Tensor, "batch channels rows columns"]


class EqualizedLinear(nn.Linear):
    """A linear layer that learns `lr_multiplier` times as fast as others; biases start at `initial_bias`."""

    def __init__(self, ins: int, outs: int, *, lr_multiplier: float = 1.0, initial_bias: float = 0.0) -> None:
        super().__init__(ins, outs)
        self.lr_multiplier = lr_multiplier
        self.scale = lr_multiplier / sqrt(ins)
        nn.init.normal_(self.weight, std=1 / lr_multiplier)
        nn.init.constant_(self.bias, initial_bias / lr_multiplier)

    def forward(self, input: Float[Tensor, "batch ins"]) -> Float[Tensor, "batch outs"]:
        return F.linear(input, self.weight * self.scale, self.bias * self.lr_multiplier)


class EqualizedConv2d(nn.Conv2d):
    """A convolution; without padding unless its stride is 1, since a filter has padded what it halves."""

    def __init__(self, ins: int, outs: int, kernel: int, *, stride: int = 1, bias: bool = True) -> None:
        super().__init__(ins, outs, kernel, stride, kernel // 2 if stride == 1 else 0, bias=bias)
        self.scale = equalizing_scale(self.weight)
        nn.init.normal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, input: Planes) -> Float[Tensor, "batch outs new_rows new_columns"]:
        return F.conv2d(input, self.weight * self.scale, self.bias, self.stride, self.padding)


def equalizing_scale(weight: Tensor) -> float:
    """One over the root of the number of inputs that an output of this layer adds up."""
    return 1 / sqrt(prod(weight.shape[1:]))


def leaky(values: Tensor) -> Tensor:
    """Leaky ReLU times the root of 2, which keeps the mean square of normal values nearly as it is."""
    return F.leaky_relu(values, SLOPE) * sqrt(2)


def normalized(vectors: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
    """Each vector with mean square 1."""
    return vectors * torch.rsqrt(vectors.square().mean(dim=1, keepdim=True) + 1e-8)


def without_equalizing(network: nn.Module) -> None:
    """Use weights as they are: for a network whose layers are spectrally normalised, which sets their scale."""
    for layer in network.modules():
        if isinstance(layer, EqualizedLinear | EqualizedConv2d):
            layer.scale = 1.0
