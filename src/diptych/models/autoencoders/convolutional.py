"""A small convolutional encoder and its decoder, after those of latent diffusion (arXiv:2112.10752) without attention.

Four pixels are one place to begin with (space to depth), which a processor takes four times as fast; every further
width halves the grid. Blocks are residual with group normalisation, so that no image depends on others of its batch.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.group_norm import group_norm
from diptych.types import Images

Grid = Float[Tensor, "batch features rows columns"]


class ConvEncoder(nn.Module):
    """Images to a grid of `widths[-1]` channels, `patch_size` times 2 to the number of further widths smaller.

    There are `num_blocks` residual blocks at each size.
    """

    publishes: ClassVar[dict[str, str]] = {"feature_channels": "feature_channels", "latent_size": "latent_size"}

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        widths: Sequence[int] = (64, 128),
        num_blocks: int = 1,
        patch_size: int = 2,
    ) -> None:
        super().__init__()
        factor = _check_factor("encoder", image_size, patch_size, widths)
        self.patch_size = patch_size
        self.feature_channels, self.latent_size = widths[-1], image_size // factor
        layers: list[nn.Module] = [nn.Conv2d(image_channels * patch_size**2, widths[0], 3, 1, 1)]
        layers += [ResidualBlock(widths[0]) for _ in range(num_blocks)]
        for width, wider in pairwise(widths):
            layers += [nn.Conv2d(width, wider, 3, 2, 1), *(ResidualBlock(wider) for _ in range(num_blocks))]
        self.body = nn.Sequential(*layers, group_norm(widths[-1]), nn.SiLU())

    def forward(self, images: Images) -> Grid:
        return self.body(F.pixel_unshuffle(images, self.patch_size))


class ConvDecoder(nn.Module):
    """The way back, with the same `widths`, `num_blocks` and `patch_size`; a tanh bounds the pixels."""

    def __init__(
        self,
        *,
        latent_channels: int = 4,
        latent_size: int = 8,
        image_size: int = 32,
        image_channels: int = 3,
        widths: Sequence[int] = (64, 128),
        num_blocks: int = 1,
        patch_size: int = 2,
    ) -> None:
        super().__init__()
        factor = _check_factor("decoder", image_size, patch_size, widths)
        if latent_size * factor != image_size:
            raise ValueError(
                f"decoder: a grid of {latent_size} becomes {latent_size * factor} px, not {image_size}; give it the "
                "widths and the patch_size of the encoder"
            )
        self.patch_size = patch_size
        layers: list[nn.Module] = [nn.Conv2d(latent_channels, widths[-1], 3, 1, 1)]
        layers += [ResidualBlock(widths[-1]) for _ in range(num_blocks)]
        for wider, width in pairwise(reversed(widths)):
            layers += [nn.Upsample(scale_factor=2.0, mode="nearest"), nn.Conv2d(wider, width, 3, 1, 1)]
            layers += [ResidualBlock(width) for _ in range(num_blocks)]
        last = nn.Conv2d(widths[0], image_channels * patch_size**2, 3, 1, 1)
        self.body = nn.Sequential(*layers, group_norm(widths[0]), nn.SiLU(), last)

    def forward(self, latents: Grid) -> Images:
        return F.pixel_shuffle(self.body(latents), self.patch_size).tanh()


class ResidualBlock(nn.Module):
    """Two convolutions of the same width, each after a normalisation; the second starts at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        second = nn.Conv2d(width, width, 3, 1, 1)
        nn.init.zeros_(second.weight)
        nn.init.zeros_(second.bias)  # pyright: ignore[reportArgumentType]
        first = nn.Conv2d(width, width, 3, 1, 1)
        self.body = nn.Sequential(group_norm(width), nn.SiLU(), first, group_norm(width), nn.SiLU(), second)

    def forward(self, grid: Grid) -> Grid:
        return grid + self.body(grid)


def _check_factor(role: str, image_size: int, patch_size: int, widths: Sequence[int]) -> int:
    """How many times smaller the grid is than the image."""
    if not widths or min(widths) < 1 or patch_size < 1:
        raise ValueError(f"{role}.widths={list(widths)} and {role}.patch_size={patch_size} must be positive numbers")
    factor = patch_size * 2 ** (len(widths) - 1)
    if image_size % factor:
        raise ValueError(
            f"{role}: {image_size} px cannot be made {factor} times smaller (patch_size {patch_size}, then "
            f"{len(widths) - 1} halvings): choose another patch_size or fewer widths"
        )
    return factor
