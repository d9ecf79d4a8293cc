"""A small convolutional image encoder, trained along with what reads it.

Every region keeps its place: a learned position vector is added to each cell of the grid, and the pooled vector is
taken after a non-linear look at content and position together, so that "above" and "left of" survive the pooling.
GELU throughout, so that a frozen encoder inside somebody else's loss has smooth gradients in the pixels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from diptych.types import ImageFeatures, Images


class ConvEncoder(nn.Module):
    """Convolutions down to a grid of `image_size // 2**num_halvings` a side, then position, then pooling.

    `widths` are the channels of successive convolutions; the first `num_halvings` of them halve the picture (an odd
    side loses half a pixel). `region_dim` is the last width. Images in [-1, 1].
    """

    def __init__(
        self,
        *,
        image_size: int,
        image_channels: int = 3,
        widths: Sequence[int] = (32, 64, 96, 96),
        num_halvings: int = 3,
        pooled_dim: int = 128,
    ) -> None:
        super().__init__()
        _check_sizes(image_size, widths, num_halvings)
        self.image_size = image_size
        self.grid_size = image_size // 2**num_halvings
        self.region_dim, self.pooled_dim = widths[-1], pooled_dim
        inputs = (image_channels, *widths[:-1])
        strides = [2 if index < num_halvings else 1 for index in range(len(widths))]
        layers = zip(inputs, widths, strides, strict=True)
        self.convolutions = nn.Sequential(*(_convolution(*layer) for layer in layers))
        self.position = nn.Parameter(0.02 * torch.randn(self.grid_size**2, self.region_dim))
        self.look = nn.Sequential(nn.Linear(self.region_dim, pooled_dim), nn.GELU())
        self.pool = nn.Linear(pooled_dim, pooled_dim)

    def grids(self, images: Images) -> list[Tensor]:
        """The feature maps of every convolution, fine to coarse; the last is the grid of regions without positions."""
        grids = [images]
        for convolution in self.convolutions:
            grids.append(convolution(grids[-1]))
        return grids[1:]

    def forward(self, images: Images) -> ImageFeatures:
        grid = self.convolutions(images)
        regions = grid.flatten(2).transpose(1, 2) + self.position
        return ImageFeatures(self.pool(self.look(regions).mean(1)), regions)


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Module:
    """The kernel covers its stride evenly (4 when it halves), so that no pixel weighs more than its neighbour."""
    convolution = nn.Conv2d(inputs, outputs, 2 + stride if stride == 2 else 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.GELU())


def _check_sizes(image_size: int, widths: Sequence[int], num_halvings: int) -> None:
    if not 0 <= num_halvings <= len(widths):
        raise ValueError(f"image_encoder.num_halvings={num_halvings} needs that many entries in widths={tuple(widths)}")
    if image_size < 2**num_halvings:
        raise ValueError(
            f"image_encoder.num_halvings={num_halvings}: a picture of {image_size} px cannot be halved that often"
        )
