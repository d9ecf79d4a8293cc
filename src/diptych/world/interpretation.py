"""What a picture most probably shows: every found object fitted as each of the six shapes, the others taken away.

All evidence is kept: how much squared error each shape leaves over, and how far the picture lies from the best
shape's rendering towards the next best.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diptych.world.canvas import Canvas
from diptych.world.detection import START_VARIANCE, detect, radius_range, to_patch, to_picture
from diptych.world.fitting import Fit, evaluate, fit
from diptych.world.spec import SHAPES

FIRST_STEPS, LAST_STEPS = 2, 3
"""Fitting steps before and after the other objects' hypotheses have been improved once."""


@dataclass(frozen=True)
class Interpretation:
    """The objects of a batch of pictures, and what speaks for each of their shapes.

    `params` are x, y, radius and blur variance in pixels; `colour` is free; `energy` is the squared difference from
    the background around the object and `error` [object, shape] what each shape leaves of it; `difference`
    [object, shape] is the squared distance between the best shape's rendering and each other's; `rest` is what
    all objects together leave of the pictures.
    """

    image: Int[Tensor, " n"]
    shape: Int[Tensor, " n"]
    params: Float[Tensor, "n 4"]
    colour: Float[Tensor, "n 3"]
    mass: Float[Tensor, " n"]
    energy: Float[Tensor, " n"]
    error: Float[Tensor, "n shapes"]
    difference: Float[Tensor, "n shapes"]
    rest: Float[Tensor, "b 3 side side"]


@torch.no_grad()
def interpret(images: Float[Tensor, "b 3 side side"], most: int) -> Interpretation:
    """Up to `most` objects a picture; `images` are differences from the background."""
    found = detect(images, most)
    rest = Canvas(images)
    corners = rest.corners(found.params[:, 0], found.params[:, 1])
    best = evaluate(found.shape, to_patch(found.params, corners), rest.cut(found.image, corners))
    rest.paint(found.image, corners, -best.synthesis)
    start = _all_shapes(best.params)
    fits, winner, best = _improve(rest, found.image, corners, best, start, FIRST_STEPS)
    fits, winner, best = _improve(rest, found.image, corners, best, fits.params, LAST_STEPS)
    return Interpretation(
        found.image,
        winner,
        to_picture(best.params, corners),
        best.colour,
        best.masks.square().sum(dim=(1, 2)),
        best.energy,
        fits.error.view(-1, len(SHAPES)),
        _distances(fits, best),
        rest.images,
    )


def _improve(
    rest: Canvas,
    image: Int[Tensor, " n"],
    corners: Int[Tensor, "n 2"],
    best: Fit,
    hypotheses: Float[Tensor, "m 4"],
    steps: int,
) -> tuple[Fit, Int[Tensor, " n"], Fit]:
    """All shapes fitted further, the winning shape of every object, and its fit, which replaces `best` in `rest`."""
    patches = rest.cut(image, corners) + best.synthesis
    fits = _fit_all_shapes(hypotheses, patches, rest.side, steps)
    winner = fits.error.view(-1, len(SHAPES)).argmin(dim=1)
    improved = _select(fits, winner)
    rest.paint(image, corners, best.synthesis - improved.synthesis)
    return fits, winner, improved


def _all_shapes(params: Float[Tensor, "n 4"]) -> Float[Tensor, "m 4"]:
    """The same place for each shape in turn, with a fresh guess of the blur."""
    fresh = torch.cat([params[:, :3], torch.full_like(params[:, 3:], START_VARIANCE)], dim=1)
    return fresh.repeat_interleave(len(SHAPES), dim=0)


def _fit_all_shapes(
    hypotheses: Float[Tensor, "m 4"], patches: Float[Tensor, "n 3 patch patch"], side: int, steps: int
) -> Fit:
    shapes = torch.arange(len(SHAPES), device=patches.device).repeat(len(patches))
    return fit(shapes, hypotheses, patches.repeat_interleave(len(SHAPES), dim=0), radius_range(side), steps)


def _select(fits: Fit, winner: Int[Tensor, " n"]) -> Fit:
    rows = torch.arange(len(winner), device=winner.device) * len(SHAPES) + winner
    return Fit(fits.params[rows], fits.masks[rows], fits.colour[rows], fits.error[rows], fits.energy[rows])


def _distances(fits: Fit, best: Fit) -> Float[Tensor, "n shapes"]:
    """|a - b|^2 between the best rendering and each shape's, from their overlap."""
    masks = fits.masks.unflatten(0, (-1, len(SHAPES))).flatten(2)
    colour = fits.colour.unflatten(0, (-1, len(SHAPES)))
    overlap = (masks @ best.masks.flatten(1)[:, :, None])[:, :, 0]
    product = (colour @ best.colour[:, :, None])[:, :, 0] * overlap
    own = best.colour.square().sum(dim=1) * best.masks.square().sum(dim=(1, 2))
    others = colour.square().sum(dim=2) * masks.square().sum(dim=2)
    return (own[:, None] + others - 2 * product).clamp(min=0)
