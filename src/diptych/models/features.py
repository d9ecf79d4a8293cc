"""Feature networks: images to vectors, for metrics that compare sets of images.

A feature network is frozen. It takes images in [-1, 1] of any size with one or three channels, and publishes how it
preprocesses them. Without a trained network a random one is a fair and reproducible default: it was trained on nothing,
so it favours no kind of image (Naeem et al. 2020, arXiv:2002.09797, section 4).
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.types import Images

Features = Float[Tensor, "batch dim"]

NO_RESIZE = "none"
RESIZE = "bilinear, antialiased, to {} px"


class FeatureNetwork(nn.Module):
    """Base class. `name`, `resize` and `pixel_range` are part of every metric's protocol."""

    def __init__(self, *, name: str, resize: str = NO_RESIZE, pixel_range: str = "[-1, 1]") -> None:
        super().__init__()
        self.name, self.resize, self.pixel_range = name, resize, pixel_range

    def forward(self, images: Images) -> Features:
        """One vector per image."""
        raise NotImplementedError

    def freeze(self) -> None:
        """Evaluation mode, and no gradients for its weights."""
        self.eval().requires_grad_(False)


class RandomFeatures(FeatureNetwork):
    """Random convolutions that each halve the image, and a random projection of the last grid to `dim`.

    A generator of its own draws all weights from `seed` in one order: they are the same everywhere. There are no biases
    and no normalisation, so an image's vector does not depend on other images, and mid-grey is the zero vector. The
    activation is CReLU (Shang et al. 2016, arXiv:1603.05201), so that no common mean hides the differences.
    """

    def __init__(
        self, *, seed: int = 0, dim: int = 64, widths: Sequence[int] = (32, 64, 64), input_size: int = 32
    ) -> None:
        super().__init__(name=f"random-{seed}", resize=RESIZE.format(input_size))
        self.input_size = input_size
        rng = torch.Generator().manual_seed(seed)
        inputs = (3, *(2 * width for width in widths[:-1]))
        kernels = [_gaussian((width, before, 4, 4), rng) for width, before in zip(widths, inputs, strict=True)]
        self.kernels = nn.ParameterList(kernels)
        num_cells = (input_size // 2 ** len(widths)) ** 2
        self.projection = nn.Parameter(_gaussian((dim, 2 * widths[-1] * num_cells), rng))
        self.freeze()

    def forward(self, images: Images) -> Features:
        grid = in_colour(images, self.input_size)
        for kernel in self.kernels:
            responses = F.conv2d(grid, kernel, stride=2, padding=1)
            grid = torch.cat([responses, -responses], dim=1).relu()
        return F.linear(grid.flatten(1), self.projection)


class ModuleFeatures(FeatureNetwork):
    """Any module from images to vectors, to grids (averaged here), or to an image encoder's features.

    `pixel_range` is the module's input range: [-1, 1], as images are here, or [0, 1]. `input_size` resizes first.
    `channels` (1 or 3; None: unchanged) averages colours to grey, or repeats grey three times.
    """

    def __init__(
        self,
        *,
        module: nn.Module,
        name: str,
        input_size: int | None = None,
        channels: int | None = None,
        pixel_range: str = "[-1, 1]",
    ) -> None:
        if pixel_range not in ("[-1, 1]", "[0, 1]"):
            raise ValueError(f"features.pixel_range={pixel_range!r}: choose '[-1, 1]' or '[0, 1]'")
        super().__init__(
            name=name, resize=NO_RESIZE if input_size is None else RESIZE.format(input_size), pixel_range=pixel_range
        )
        self.module, self.input_size, self.channels = module, input_size, channels
        self.freeze()

    def forward(self, images: Images) -> Features:
        pixels = images if self.input_size is None else resized(images, self.input_size)
        if self.channels is not None and self.channels != pixels.shape[1]:
            pixels = in_colour(pixels) if self.channels == 3 else pixels.mean(dim=1, keepdim=True)
        output = self.module(pixels if self.pixel_range == "[-1, 1]" else (pixels + 1) / 2)
        return _as_vectors(output)


def resized(images: Images, size: int) -> Float[Tensor, "batch channels size size"]:
    """Images resized to `size` x `size` pixels; unchanged if they have that size."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)


def in_colour(images: Images, size: int | None = None) -> Float[Tensor, "batch 3 rows columns"]:
    """Grey images as three equal channels; resized to a square of `size` pixels (None: as they are)."""
    images = images.expand(-1, 3, -1, -1)
    return images if size is None else resized(images, size)


def _as_vectors(output: Any) -> Features:
    vectors = getattr(output, "pooled", output)
    return vectors.flatten(2).mean(dim=2) if vectors.ndim > 2 else vectors


def _gaussian(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Weights that keep the mean square (He et al. 2015, arXiv:1502.01852)."""
    fan_in = torch.Size(shape[1:]).numel()
    return torch.randn(shape, generator=rng) * (2 / fan_in) ** 0.5
