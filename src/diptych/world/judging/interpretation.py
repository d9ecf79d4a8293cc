"""The most probable content of a picture: every detected object fitted as each of the six shapes.

Coarse to fine: objects are detected and all shapes fitted on the picture reduced to about 32 pixels; the `KEPT` best
shapes of each object are fitted further on the picture itself, with the other objects subtracted. All evidence is kept:
each shape's squared error, and the position of the picture between the renderings of the best and the next best shape.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from diptych.world.canvas import Canvas
from diptych.world.judging.detection import COARSE_SIDE, START_VARIANCE, detect, radius_range, to_patch, to_picture
from diptych.world.judging.fitting import LEAST_VARIANCE, MOST_VARIANCE, Fit, evaluate, fit
from diptych.world.spec import SHAPES

FIRST_STEPS, LAST_STEPS = 2, 3
"""Fitting steps of all shapes, then of the best ones, after the hypotheses of the other objects have improved."""

KEPT = 3
"""Shapes of each object that are fitted to the end; their ranks change little after the first steps."""


@dataclass(frozen=True)
class Interpretation:
    """The objects of a batch of pictures, and the evidence for their shapes.

    `params` are x, y, radius and blur variance in pixels; `colour` is free; `energy` is the squared difference from the
    background around the object; `behind` is the additional squared error of the best other shapes, and `difference`
    the squared distance of their renderings from the best; `rest` is the residual of the pictures.
    """

    image: Int[Tensor, " n"]
    shape: Int[Tensor, " n"]
    params: Float[Tensor, "n 4"]
    colour: Float[Tensor, "n 3"]
    mass: Float[Tensor, " n"]
    energy: Float[Tensor, " n"]
    error: Float[Tensor, " n"]
    behind: Float[Tensor, "n others"]
    difference: Float[Tensor, "n others"]
    rest: Float[Tensor, "b 3 side side"]


@torch.no_grad()
def interpret(images: Float[Tensor, "b 3 side side"], most: int) -> Interpretation:
    """Up to `most` objects per picture; `images` are differences from the background."""
    image, shapes, params = _first_reading(images, most)
    rest = Canvas(images)
    corners = rest.corners(params[:, 0, 0], params[:, 0, 1])
    start = to_patch(params, corners)
    best = evaluate(shapes[:, :1], start[:, :1], rest.cut(image, corners))
    rest.add(image, corners, -best.synthesis)
    fits, best = _improve(rest, image, corners, best, shapes, start, LAST_STEPS)
    others = _others(fits)
    return Interpretation(
        image,
        best.shapes[:, 0],
        to_picture(best.params, corners)[:, 0],
        best.colour[:, 0],
        best.masks.square().sum(dim=(1, 2, 3)),
        best.energy,
        best.error[:, 0],
        others.error - best.error,
        _distances(others, best),
        rest.images,
    )


def _first_reading(
    images: Float[Tensor, "b 3 side side"], most: int
) -> tuple[Int[Tensor, " n"], Int[Tensor, "n kept"], Float[Tensor, "n kept 4"]]:
    """The picture of each object, and its best shapes with their parameters in the picture's pixels, best first."""
    side = images.shape[-1]
    coarse = images if side == COARSE_SIDE else F.interpolate(images, (COARSE_SIDE, COARSE_SIDE), mode="area")
    found = detect(coarse, most)
    rest = Canvas(coarse)
    corners = rest.corners(found.params[:, 0], found.params[:, 1])
    best = evaluate(found.shape[:, None], to_patch(found.params[:, None], corners), rest.cut(found.image, corners))
    rest.add(found.image, corners, -best.synthesis)
    shapes, start = _all_shapes(best.params)
    fits, _ = _improve(rest, found.image, corners, best, shapes, start, FIRST_STEPS)
    fits = fits.keep(fits.error.argsort(dim=1)[:, :KEPT])
    return found.image, fits.shapes, _enlarged(to_picture(fits.params, corners), side / COARSE_SIDE)


def _enlarged(params: Float[Tensor, "n kept 4"], scale: float) -> Float[Tensor, "n kept 4"]:
    """The same objects on a canvas that is larger by `scale`, without the blur of the coarse pixels."""
    lengths, variance = scale * params[..., :3], scale**2 * params[..., 3:]
    return torch.cat([lengths, (variance - (scale**2 - 1) / 12).clamp(LEAST_VARIANCE, MOST_VARIANCE)], dim=2)


def _improve(
    rest: Canvas,
    image: Int[Tensor, " n"],
    corners: Int[Tensor, "n 2"],
    best: Fit,
    shapes: Int[Tensor, "n hypotheses"],
    start: Float[Tensor, "n hypotheses 4"],
    steps: int,
) -> tuple[Fit, Fit]:
    """Fit all hypotheses further; the best one of each object replaces the old `best` in `rest`."""
    patches = rest.cut(image, corners) + best.synthesis
    fits = fit(shapes, start, patches, radius_range(rest.side), steps)
    improved = fits.best()
    rest.add(image, corners, best.synthesis - improved.synthesis)
    return fits, improved


def _all_shapes(params: Float[Tensor, "n 1 4"]) -> tuple[Int[Tensor, "n shapes"], Float[Tensor, "n shapes 4"]]:
    """Every shape at the same position, with the initial blur."""
    fresh = torch.cat([params[..., :3], torch.full_like(params[..., 3:], START_VARIANCE)], dim=2)
    shapes = torch.arange(len(SHAPES), device=params.device)
    return shapes.expand(len(params), -1), fresh.expand(-1, len(SHAPES), -1)


def _others(fits: Fit) -> Fit:
    """All hypotheses except the best."""
    return fits.keep(fits.error.argsort(dim=1)[:, 1:])


def _distances(others: Fit, best: Fit) -> Float[Tensor, "n others"]:
    """|a - b|^2 between the best rendering and the other ones, from their overlap."""
    overlap = (others.masks.flatten(2) @ best.masks.flatten(2).mT)[:, :, 0]
    product = (others.colour @ best.colour.mT)[:, :, 0] * overlap
    return (_energies(best) + _energies(others) - 2 * product).clamp(min=0)


def _energies(fits: Fit) -> Float[Tensor, "n hypotheses"]:
    return fits.colour.square().sum(dim=2) * fits.masks.square().sum(dim=(2, 3))
