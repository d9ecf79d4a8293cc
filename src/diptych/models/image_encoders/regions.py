"""From a network's last feature map to a pooled vector and regions, as many of them as are wanted."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from diptych.types import ImageFeatures

Grid = Float[Tensor, "batch channels rows columns"]


def regions_of(grid: Grid, grid_size: int | None) -> Float[Tensor, "batch regions channels"]:
    """The cells of the grid, row by row; with a `grid_size`, the means over that many rows and columns."""
    if grid_size is not None and grid.shape[-2:] != (grid_size, grid_size):
        if not 1 <= grid_size <= min(grid.shape[-2:]):
            rows, columns = grid.shape[-2:]
            raise ValueError(
                f"image_encoder.grid_size={grid_size}: these images have {rows} x {columns} regions; give a number "
                f"from 1 to {min(rows, columns)}, a larger image_encoder.input_size, or null for all of them"
            )
        grid = F.adaptive_avg_pool2d(grid, grid_size)
    return grid.flatten(2).transpose(1, 2)


def mean_and_regions(grid: Grid, grid_size: int | None) -> ImageFeatures:
    """The mean of all cells as the pooled vector, and the regions."""
    cells = grid.flatten(2).transpose(1, 2)
    return ImageFeatures(cells.mean(1), cells if grid_size is None else regions_of(grid, grid_size))
