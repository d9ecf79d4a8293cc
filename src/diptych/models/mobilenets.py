"""MobileNets with their batch normalisation folded in, as TensorFlow Lite keeps them, as image encoders.

Version 1 (Howard et al. 2017, arXiv:1704.04861) and 2 (Sandler et al. 2018, arXiv:1801.04381), of 1,001 classes of
ImageNet: small enough to see photographs on a processor. Padding is TensorFlow's SAME, so that pixels fall where they
fell in training. Images are in [-1, 1], as the networks want them, with one channel or three.
"""

from abc import abstractmethod
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.backbones import read_state_dict
from diptych.models.features import in_colour
from diptych.models.image_encoders.late_weights import LateWeights
from diptych.models.image_encoders.regions import mean_and_regions
from diptych.types import ImageFeatures, Images

NUM_CLASSES = 1_001
"""Class 0 is none of ImageNet's."""
V1_LAYERS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
"""Channels and stride of each depthwise-separable layer behind the first convolution."""
V2_GROUPS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, number of blocks and stride of the first one, of each group."""


class SameConv(nn.Module):
    """A convolution whose output has 1 / stride of the input's size, rounded up; then ReLU6, or nothing."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, *, groups: int = 1, relu: bool = True):
        super().__init__()
        self.c = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups)
        self.relu = relu

    def forward(self, grid: Tensor) -> Tensor:
        kernel, stride = self.c.kernel_size[0], self.c.stride[0]
        down, across = (max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in grid.shape[-2:])
        grid = self.c(F.pad(grid, (across // 2, across - across // 2, down // 2, down - down // 2)))
        return F.relu6(grid) if self.relu else grid


class InvertedResidual(nn.Module):
    """Widen, convolve each channel, narrow; added to the input where the shapes agree (version 2)."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        widen = [SameConv(inputs, hidden, 1, 1)] if expansion > 1 else []
        each_channel = SameConv(hidden, hidden, 3, stride, groups=hidden)
        self.body = nn.Sequential(*widen, each_channel, SameConv(hidden, outputs, 1, 1, relu=False))
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, grid: Tensor) -> Tensor:
        return grid + self.body(grid) if self.is_residual else self.body(grid)


class MobileNet(LateWeights):
    """Regions of 32 pixels a side, and their mean; frozen, unless it is to `finetune` as a whole.

    `weights` is the file of a state dict, read at the first forward pass; a network restored from a checkpoint needs
    none. `input_size` resizes images first: a region wants 32 pixels. `grid_size` averages the regions to so many rows
    and columns (None: all).
    """

    def __init__(
        self,
        *,
        weights: str | None,
        input_size: int | None = None,
        finetune: bool = False,
        grid_size: int | None = None,
    ) -> None:
        super().__init__()
        if weights is None and not finetune:
            raise ValueError(
                "image_encoder.weights=null leaves the network random and frozen: name a file of weights, or let all "
                "of it learn with image_encoder.finetune=true"
            )
        self.weights, self.input_size, self.grid_size = weights, input_size, grid_size
        self.features, channels = self.layers()
        self.classifier = nn.Conv2d(channels, NUM_CLASSES, 1)
        self.classifier.requires_grad_(False)
        self.features.requires_grad_(finetune)
        self.pooled_dim = self.region_dim = channels

    @abstractmethod
    def layers(self) -> tuple[nn.Sequential, int]:
        """All layers before the classifier, and the channels that they end in."""

    def forward(self, images: Images) -> ImageFeatures:
        return mean_and_regions(self._grid(images), self.grid_size)

    def class_logits(self, images: Images) -> Float[Tensor, "batch classes"]:
        """Of ImageNet's classes, by the head that the weights came with."""
        return self.classifier(self._grid(images).mean((2, 3), keepdim=True)).flatten(1)

    def _grid(self, images: Images) -> Tensor:
        self.ensure_weights()
        return self.features(in_colour(images, self.input_size))

    def read_weights(self, weights: str) -> None:
        """From the file of a state dict."""
        path = Path(weights)
        given = read_state_dict(path)
        own = self.state_dict()
        if wrong := [key for key in own if key not in given or given[key].shape != own[key].shape]:
            raise ValueError(
                f"image_encoder.weights={path} is not a state dict of this network: {len(wrong)} of {len(own)} entries "
                f"are missing or of other shapes ({', '.join(wrong[:3])}, …)"
            )
        self.load_state_dict({key: given[key] for key in own})


class MobileNetV1(MobileNet):
    """Depthwise and pointwise convolutions in turn; `width` multiplies all channels (1,024 at the end)."""

    def __init__(
        self,
        *,
        weights: str | None,
        width: float = 0.25,
        input_size: int | None = None,
        finetune: bool = False,
        grid_size: int | None = None,
    ) -> None:
        self.width = width
        super().__init__(weights=weights, input_size=input_size, finetune=finetune, grid_size=grid_size)

    def layers(self) -> tuple[nn.Sequential, int]:
        channels = int(32 * self.width)
        layers = [SameConv(3, channels, 3, 2)]
        for outputs, stride in V1_LAYERS:
            wide = int(outputs * self.width)
            layers += [SameConv(channels, channels, 3, stride, groups=channels), SameConv(channels, wide, 1, 1)]
            channels = wide
        return nn.Sequential(*layers), channels


class MobileNetV2(MobileNet):
    """Inverted residual blocks; 1,280 channels at the end, 2.2 M parameters without the head."""

    def layers(self) -> tuple[nn.Sequential, int]:
        channels = 32
        blocks: list[nn.Module] = [SameConv(3, channels, 3, 2)]
        for expansion, outputs, number, stride in V2_GROUPS:
            for place in range(number):
                blocks.append(InvertedResidual(channels, outputs, stride if place == 0 else 1, expansion))
                channels = outputs
        return nn.Sequential(*blocks, SameConv(channels, 1_280, 1, 1)), 1_280
