"""What a picture most probably shows: every found object fitted as each of the six shapes, the others taken away.

Coarse to fine: objects are found and all shapes fitted on the picture reduced to about 32 pixels; the `KEPT` best
shapes of each object are fitted further on the picture itself. All evidence is kept: how much squared error each
shape leaves over, and how far the picture lies from the best shape's rendering towards the next best.
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
"""Fitting steps of all shapes, and then of the best ones, the other objects' hypotheses having improved meanwhile."""

KEPT = 3
"""Shapes of each object that are fitted to the end; a shape's rank changes little after the first steps."""


@dataclass(frozen=True)
class Interpretation:
    """The objects of a batch of pictures, and what speaks for each of their shapes.

    `params` are x, y, radius and blur variance in pixels; `colour` is free; `energy` is the squared difference from
    the background around the object; `behind` is how much more squared error the best other shapes leave over, and
    `difference` the squared distance of their renderings from the best; `rest` is what all objects together leave of
    the pictures.
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
    """Up to `most` objects a picture; `images` are differences from the background."""
    image, shapes, params = _first_reading(images, most)
    rest = Canvas(images)
    corners = rest.corners(params[:, 0, 0], params[:, 0, 1])
    start = to_patch(params, corners)
    best = evaluate(shapes[:, :1], start[:, :1], rest.cut(image, corners))
    rest.generate(image, corners, -best.synthesis)
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
    rest.generate(found.image, corners, -best.synthesis)
    shapes, start = _all_shapes(best.params)
    fits, _ = _improve(rest, found.image, corners, best, shapes, start, FIRST_STEPS)
    fits = fits.keep(fits.error.argsort(dim=1)[:, :KEPT])
    return found.image, fits.shapes, _enlarged(to_picture(fits.params, corners), side / COARSE_SIDE)


def _enlarged(params: Float[Tensor, "n kept 4"], scale: float) -> Float[Tensor, "n kept 4"]:
    """The same objects on a canvas that is larger by `scale`; the coarse pixels' own blur is taken off again."""
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
    """All hypotheses fitted further, and the best of each object, which replaces the old `best` in `rest`."""
    patches = rest.cut(image, corners) + best.synthesis
    fits = fit(shapes, start, patches, radius_range(rest.side), steps)
    improved = fits.best()
    rest.generate(image, corners, best.synthesis - improved.synthesis)
    return fits, improved


def _all_shapes(params: Float[Tensor, "n 1 4"]) -> tuple[Int[Tensor, "n shapes"], Float[Tensor, "n shapes 4"]]:
    """Every shape at the same place, with a fresh guess of the blur."""
    fresh = torch.cat([params[..., :3], torch.full_like(params[..., 3:], START_VARIANCE)], dim=2)
    shapes = torch.arange(len(SHAPES), device=params.device)
    return shapes.expand(len(params), -1), fresh.expand(-1, len(SHAPES), -1)


def _others(fits: Fit) -> Fit:
    """All hypotheses but the best."""
    return fits.keep(fits.error.argsort(dim=1)[:, 1:])


def _distances(others: Fit, best: Fit) -> Float[Tensor, "n others"]:
    """|a - b|^2 between the best rendering and the others', from their overlap."""
    overlap = (others.masks.flatten(2) @ best.masks.flatten(2).mT)[:, :, 0]
    product = (others.colour @ best.colour.mT)[:, :, 0] * overlap
    return (_energies(best) + _energies(others) - 2 * product).clamp(min=0)


def _energies(fits: Fit) -> Float[Tensor, "n hypotheses"]:
    return fits.colour.square().sum(dim=2) * fits.masks.square().sum(dim=(2, 3))
