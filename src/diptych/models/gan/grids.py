"""The channels of networks that double or halve their grids between 4 pixels and the image's size."""

from collections.abc import Sequence

SMALLEST_GRID = 4


def widths_by_grid(image_size: int, widths: Sequence[int], *, setting: str, smaller: int = 0) -> dict[int, int]:
    """Channels by the side of a grid: of `widths`, those of 4, 8, 16, ... pixels, as many as the image needs.

    The largest grid is the image, or the one that is `smaller` halvings smaller. `ValueError` names `setting` for an
    image that is not 4 times a power of two, or for which there are too few widths.
    """
    num_doublings = (image_size // SMALLEST_GRID).bit_length() - 1
    if num_doublings < 1 or image_size != SMALLEST_GRID * 2**num_doublings:
        raise ValueError(
            f"image_size={image_size}: this network doubles {SMALLEST_GRID} pixels again and again; "
            "set data.image_size to 8, 16, 32, 64, ..."
        )
    num_grids = num_doublings + 1 - smaller
    if len(widths) < num_grids:
        grids = ", ".join(str(SMALLEST_GRID * 2**i) for i in range(num_grids))
        raise ValueError(
            f"{setting}={list(widths)} has {len(widths)} widths, and images of {image_size} px need {num_grids}: "
            f"give the channels at {grids} px"
        )
    return {SMALLEST_GRID * 2**i: width for i, width in enumerate(widths[:num_grids])}
