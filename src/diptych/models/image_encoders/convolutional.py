"""A small convolutional image encoder, trained end to end with its decoder or head.

Every region keeps its place: each cell of the grid receives a learned position embedding. A non-linear layer mixes
content and position before the pooling, so that "above" and "left of" survive it. GELU throughout: a frozen encoder in
another network's loss then has smooth gradients in the pixels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from diptych.types import ImageFeatures, Images


class ConvEncoder(nn.Module):
    """Convolutions down to a grid of side `image_size // 2**num_halvings`, position embeddings, mean pooling.

    `widths` are the channels of successive convolutions; the first `num_halvings` of them halve the image (an odd side
    loses half a pixel). `region_dim` is the last width. Images are in [-1, 1].
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
        self.region_mlp = nn.Sequential(nn.Linear(self.region_dim, pooled_dim), nn.GELU())
        self.to_pooled = nn.Linear(pooled_dim, pooled_dim)

    def grids(self, images: Images) -> list[Tensor]:
        """Feature maps of every convolution, fine to coarse; the last is the grid of regions without positions."""
        grids = [images]
        for convolution in self.convolutions:
            grids.append(convolution(grids[-1]))
        return grids[1:]

    def forward(self, images: Images) -> ImageFeatures:
        grid = self.convolutions(images)
        regions = grid.flatten(2).transpose(1, 2) + self.position
        return ImageFeatures(self.to_pooled(self.region_mlp(regions).mean(1)), regions)


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Module:
    """The kernel is 4 where the stride is 2, so that no pixel weighs more than its neighbour."""
    convolution = nn.Conv2d(inputs, outputs, 2 + stride if stride == 2 else 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.GELU())


def _check_sizes(image_size: int, widths: Sequence[int], num_halvings: int) -> None:
    if not 0 <= num_halvings <= len(widths):
        raise ValueError(f"image_encoder.num_halvings={num_halvings} needs that many entries in widths={tuple(widths)}")
    if image_size < 2**num_halvings:
        raise ValueError(
            f"image_encoder.num_halvings={num_halvings}: an image of {image_size} px cannot be halved that often"
        )
