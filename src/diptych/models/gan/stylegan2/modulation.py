"""Convolutions whose weights a style scales (Karras et al. 2020, arXiv:1912.04958, section 2.2).

The style scales input channels; demodulation divides each output channel by the norm of its scaled weights, so that
inputs of variance 1 give outputs of variance 1 whatever the style. Instead of weights for each image, the
inputs and the outputs are scaled here: the same numbers from one convolution.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.gan.stylegan2.equalized import EqualizedLinear, equalizing_scale
from diptych.models.gan.stylegan2.filters import Filter

EPSILON = 1e-8

Planes = Float[Tensor, "batch channels rows columns"]
NewPlanes = Float[Tensor, "batch outs new_rows new_columns"]
Style = Float[Tensor, "batch style"]


class ModulatedConv2d(nn.Module):
    """A convolution with a style for each image; with `doubles`, to twice the size, and smoothed."""

    def __init__(
        self, ins: int, outs: int, kernel: int, style_dim: int, *, demodulates: bool = True, doubles: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outs, ins, kernel, kernel))
        self.scale, self.padding = equalizing_scale(self.weight), kernel // 2
        self.affine = EqualizedLinear(style_dim, ins, initial_bias=1.0)
        self.demodulates = demodulates
        self.filter = Filter() if doubles else None

    def forward(self, planes: Planes, style: Style) -> NewPlanes:
        scales = self.affine(style)
        weight = self.weight * self.scale
        planes = self._convolved(planes * scales[:, :, None, None], weight)
        return planes * _demodulation(weight, scales)[:, :, None, None] if self.demodulates else planes

    def _convolved(self, planes: Planes, weight: Float[Tensor, "outs ins kernel kernel"]) -> NewPlanes:
        if self.filter is None:
            return F.conv2d(planes, weight, padding=self.padding)
        return self.filter.smoothed(F.conv_transpose2d(planes, weight.transpose(0, 1), stride=2), padding=1, gain=4.0)


def _demodulation(
    weight: Float[Tensor, "outs ins kernel kernel"], scales: Float[Tensor, "batch ins"]
) -> Float[Tensor, "batch outs"]:
    """One over the norm of each output's scaled weights, in float32 whatever else is computed in."""
    with torch.autocast(scales.device.type, enabled=False):
        energies = scales.to(weight).square() @ weight.square().sum(dim=(2, 3)).T
        return torch.rsqrt(energies + EPSILON)
