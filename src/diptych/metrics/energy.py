"""The energy distance of two sets of pictures, without any trained network."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from diptych.types import Images

LARGEST_SIDE = 32


def energy_distance(some: Float[Tensor, "n dim"], others: Float[Tensor, "m dim"]) -> Float[Tensor, ""]:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| (Székely & Rizzo 2013), zero in expectation only for equal distributions.

    It is unbiased, so it may be slightly negative near zero; it needs at least two of each.
    """
    across = torch.cdist(some, others).mean()
    return 2 * across - _mean_distance(some) - _mean_distance(others)


def image_energy_distance(
    some: Float[Tensor, "n channels height width"], others: Float[Tensor, "m channels height width"]
) -> Float[Tensor, ""]:
    """Energy distance of pixels, root mean square per pixel, of pictures reduced to at most 32 pixels a side.

    It measures colours, layout and lost variety, not fine detail; it needs no network, no download and few pictures.
    """
    return energy_distance(_as_points(some), _as_points(others))


def _as_points(images: Images) -> Float[Tensor, "batch dim"]:
    if images.shape[-1] > LARGEST_SIDE:
        images = F.adaptive_avg_pool2d(images, LARGEST_SIDE)
    points = images.float().flatten(1)
    return points / points.shape[1] ** 0.5


def _mean_distance(points: Float[Tensor, "n dim"]) -> Float[Tensor, ""]:
    """The mean distance over pairs of different points."""
    return torch.cdist(points, points).sum() / (len(points) * (len(points) - 1))
