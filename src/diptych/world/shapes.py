"""The six shapes as signed distances, all of the same area at the same radius.

A shape of radius r covers pi r^2 pixels, so the shape does not reveal the size. Its centre is the centre of its
bounding box. Distances are negative inside and measured to the nearest edge's line, so corners stay sharp. Lengths
below are in units of r; square roots instead of sines make them identical on every machine.
"""

from collections.abc import Callable
from math import pi, sqrt

import torch
from jaxtyping import Float
from torch import Tensor

Plane = Float[Tensor, "n side side"]
Column = Float[Tensor, "n 1 1"]

SIN_36, COS_36 = sqrt(10 - 2 * sqrt(5)) / 4, (1 + sqrt(5)) / 4
SIN_72, COS_72 = sqrt(10 + 2 * sqrt(5)) / 4, (sqrt(5) - 1) / 4

SQUARE_HALF = sqrt(pi) / 2
TRIANGLE_HALF = sqrt(pi / 2)  # as high as wide: two equilateral triangles would be too wide for 32 px
STAR_FATNESS = 0.6  # inner over outer radius
STAR_OUTER = sqrt(pi / (5 * SIN_36 * STAR_FATNESS))
STAR_HALF_HEIGHT = STAR_OUTER * (1 + COS_36) / 2
PLUS_THICKNESS = 0.35  # half the bar's width over the arm's length
PLUS_ARM = sqrt(pi / 4 / (1 - (1 - PLUS_THICKNESS) ** 2))
RING_HOLE = 0.5  # inner over outer radius
RING_OUTER = 1 / sqrt(1 - RING_HOLE**2)

HALF_EXTENTS = {
    "circle": (1.0, 1.0),
    "square": (SQUARE_HALF, SQUARE_HALF),
    "triangle": (TRIANGLE_HALF, TRIANGLE_HALF),
    "star": (STAR_OUTER * SIN_72, STAR_HALF_HEIGHT),
    "plus": (PLUS_ARM, PLUS_ARM),
    "ring": (RING_OUTER, RING_OUTER),
}
"""Half the width and height of the bounding box of each shape, in units of its radius."""


def circle(x: Tensor, y: Tensor, radius: Column) -> Plane:
    """A disc."""
    return torch.sqrt(x * x + y * y) - radius


def square(x: Tensor, y: Tensor, radius: Column) -> Plane:
    """A square with upright sides."""
    return torch.maximum(x.abs(), y.abs()) - SQUARE_HALF * radius


def triangle(x: Tensor, y: Tensor, radius: Column) -> Plane:
    """An isosceles triangle on its base, as high as it is wide."""
    half = TRIANGLE_HALF * radius
    slope = (2 * x.abs() - y - half) / sqrt(5)  # through the tip (0, -half) and the foot (half, half)
    return torch.maximum(slope, y - half)


def star(x: Tensor, y: Tensor, radius: Column) -> Plane:
    """A fat star of five points, one of them up; folded onto half a point, where it has a single edge."""
    outer = STAR_OUTER * radius
    x, y = x.abs(), outer - STAR_HALF_HEIGHT * radius - y  # y upwards, from the middle of the points
    for away, up in ((COS_36, -SIN_36), (-COS_36, -SIN_36)):
        beyond = 2 * torch.clamp(away * x + up * y, min=0)
        x, y = x - beyond * away, y - beyond * up
    x = x.abs()
    run, fall = STAR_FATNESS * SIN_36, 1 - STAR_FATNESS * COS_36
    return (x * fall + (y - outer) * run) / sqrt(run**2 + fall**2)


def plus(x: Tensor, y: Tensor, radius: Column) -> Plane:
    """Two crossed bars."""
    x, y = x.abs(), y.abs()
    arm = PLUS_ARM * radius
    bar = PLUS_THICKNESS * arm
    return torch.minimum(torch.maximum(x - arm, y - bar), torch.maximum(x - bar, y - arm))


def ring(x: Tensor, y: Tensor, radius: Column) -> Plane:
    """A disc with a round hole of half its radius."""
    middle = RING_OUTER * (1 + RING_HOLE) / 2 * radius
    return (torch.sqrt(x * x + y * y) - middle).abs() - RING_OUTER * (1 - RING_HOLE) / 2 * radius


SIGNED_DISTANCE: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "circle": circle,
    "square": square,
    "triangle": triangle,
    "star": star,
    "plus": plus,
    "ring": ring,
}
"""Signed distance in pixels at offsets (x right, y down) from the centre of a shape of the given radius."""


def coverage(
    shape: str, x: Float[Tensor, " n"], y: Float[Tensor, " n"], radius: Float[Tensor, " n"], side: int
) -> Plane:
    """The share of every pixel of a square canvas that the shape covers, with a ramp of one pixel at its edge."""
    pixels = torch.arange(side, device=x.device, dtype=x.dtype) + 0.5
    across = pixels[None, None, :] - x[:, None, None]
    down = pixels[None, :, None] - y[:, None, None]
    return torch.clamp(0.5 - SIGNED_DISTANCE[shape](across, down, radius[:, None, None]), 0, 1)
