"""Grids that networks double or halve between 4 pixels and the image's size."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

SMALLEST_GRID = 4

Planes = Float[Tensor, "batch channels rows columns"]


def num_doublings(image_size: int, network: str = "this network") -> int:
    """How often 4 pixels are doubled to the image's size; `ValueError` for another size, in the name of `network`."""
    number = (image_size // SMALLEST_GRID).bit_length() - 1
    if number < 1 or image_size != SMALLEST_GRID * 2**number:
        raise ValueError(
            f"image_size={image_size}: {network} doubles {SMALLEST_GRID} pixels to 8, 16, 32, 64, …; "
            "set data.image_size=32"
        )
    return number


def widths_by_grid(image_size: int, widths: Sequence[int], *, setting: str, smaller: int = 0) -> dict[int, int]:
    """Channels by the side of a grid: of `widths`, those of 4, 8, 16, ... pixels, as many as the image needs.

    The largest grid is the image, or the one that is `smaller` halvings smaller. `ValueError` names `setting` for an
    image that is not 4 times a power of two, or for which there are too few widths.
    """
    num_grids = num_doublings(image_size) + 1 - smaller
    if len(widths) < num_grids:
        grids = ", ".join(str(SMALLEST_GRID * 2**i) for i in range(num_grids))
        raise ValueError(
            f"{setting}={list(widths)} has {len(widths)} widths, and images of {image_size} px need {num_grids}: "
            f"give the channels at {grids} px"
        )
    return {SMALLEST_GRID * 2**i: width for i, width in enumerate(widths[:num_grids])}


def doubled(planes: Planes) -> Float[Tensor, "batch channels twice_rows twice_columns"]:
    """Each cell repeated as 2x2 cells."""
    return F.interpolate(planes, scale_factor=2.0)


def joined_in_every_cell(
    planes: Planes, vectors: Float[Tensor, "batch numbers"]
) -> Float[Tensor, "batch more_channels rows columns"]:
    """The planes, and behind their channels the numbers of the vector, in every cell the same."""
    return torch.cat([planes, vectors[:, :, None, None].expand(-1, -1, *planes.shape[2:])], dim=1)
