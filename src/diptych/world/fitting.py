"""Fitting one rendered object to a patch of residual picture: position, radius, blur and colour, for a given shape.

Gauss-Newton with the colour eliminated (it is linear). The mask is rendered once a step; its derivatives come from
the mask itself: by position from its slope, by radius from scaling, by blur variance from the heat equation.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diptych.world.shapes import coverage
from diptych.world.spec import SHAPES

LEAST_VARIANCE, MOST_VARIANCE = 0.02, 2.6
"""Bounds of the blur's variance in pixels squared: from none to a standard deviation of 1.6."""

STEP_LIMIT = (0.7, 0.7, 0.5, 0.5)
DAMPING = 1e-3

Params = Float[Tensor, "n 4"]
Patches = Float[Tensor, "n 3 patch patch"]
Masks = Float[Tensor, "n patch patch"]


@dataclass(frozen=True)
class Fit:
    """Hypotheses and how well they explain their patches.

    `params` are x, y, radius and blur variance in the patch's pixels; `colour` is free, not one of the palette;
    `error` is the squared error left over, `energy` what there was.
    """

    params: Params
    masks: Masks
    colour: Float[Tensor, "n 3"]
    error: Float[Tensor, " n"]
    energy: Float[Tensor, " n"]

    @property
    def synthesis(self) -> Patches:
        """The object as the hypothesis paints it."""
        return self.colour[:, :, None, None] * self.masks[:, None]


def fit(shapes: Int[Tensor, " n"], params: Params, patches: Patches, radii: tuple[float, float], steps: int) -> Fit:
    """The best hypothesis near `params`, one a patch; radii stay within the given range."""
    for _ in range(steps):
        params = _step(shapes, params, patches, radii)
    return evaluate(shapes, params, patches)


def evaluate(shapes: Int[Tensor, " n"], params: Params, patches: Patches) -> Fit:
    """How well hypotheses explain their patches as they are."""
    masks = blurred_masks(shapes, params, patches.shape[-1])
    colour = _best_colour(masks, patches)
    energy = patches.square().sum(dim=(1, 2, 3))
    explained = colour.square().sum(dim=1) * masks.square().sum(dim=(1, 2))
    return Fit(params, masks, colour, energy - explained, energy)


def blurred_masks(shapes: Int[Tensor, " n"], params: Params, side: int) -> Masks:
    """Coverage of every object on a patch, blurred by its own variance."""
    masks = params.new_zeros(len(params), side, side)
    for number, shape in enumerate(SHAPES):
        rows = (shapes == number).nonzero()[:, 0]
        if len(rows):
            x, y, radius, _ = params[rows].unbind(dim=1)
            masks[rows] = coverage(shape, x, y, radius, side)
    blur = blur_matrix(params[:, 3], side)
    return blur @ masks @ blur.mT


def blur_matrix(variance: Float[Tensor, " n"], side: int) -> Float[Tensor, "n side side"]:
    """Gaussian blur of a column of pixels as a matrix; nothing comes in from outside."""
    places = torch.arange(side, device=variance.device, dtype=variance.dtype)
    distance = (places[:, None] - places[None, :]).square()
    kernel = torch.exp(-distance / (2 * variance[:, None, None]))
    return kernel / kernel.sum(dim=2).amax(dim=1)[:, None, None]


def _step(shapes: Int[Tensor, " n"], params: Params, patches: Patches, radii: tuple[float, float]) -> Params:
    masks = blurred_masks(shapes, params, patches.shape[-1])
    colour = _best_colour(masks, patches)
    slopes = _derivatives(masks, params)
    unit = masks.flatten(1) / masks.flatten(1).norm(dim=1, keepdim=True).clamp(min=1e-6)
    slopes = slopes - (slopes @ unit[:, :, None]) * unit[:, None]
    left_over = (colour[:, :, None, None] * (patches - colour[:, :, None, None] * masks[:, None])).sum(dim=1)
    strength = colour.square().sum(dim=1)[:, None, None].clamp(min=1e-6)
    curvature = strength * (slopes @ slopes.mT)
    curvature = curvature + DAMPING * strength * torch.eye(4, device=params.device)
    change = torch.linalg.solve(curvature, slopes @ left_over.flatten(1)[:, :, None])[:, :, 0]
    limit = change.new_tensor(STEP_LIMIT) * (patches.shape[-1] / 25)
    x, y, radius, variance = (params + change.clamp(-limit, limit)).unbind(dim=1)
    return torch.stack([x, y, radius.clamp(*radii), variance.clamp(LEAST_VARIANCE, MOST_VARIANCE)], dim=1)


def _best_colour(masks: Masks, patches: Patches) -> Float[Tensor, "n 3"]:
    overlap = (patches.flatten(2) @ masks.flatten(1)[:, :, None])[:, :, 0]
    return overlap / masks.square().sum(dim=(1, 2)).clamp(min=1e-6)[:, None]


def _derivatives(masks: Masks, params: Params) -> Float[Tensor, "n 4 pixels"]:
    """Of every mask by x, y, radius and blur variance."""
    padded = torch.nn.functional.pad(masks[:, None], (1, 1, 1, 1))[:, 0]
    left, right, up, down = padded[:, 1:-1, :-2], padded[:, 1:-1, 2:], padded[:, :-2, 1:-1], padded[:, 2:, 1:-1]
    by_x, by_y = (left - right) / 2, (up - down) / 2
    pixels = torch.arange(masks.shape[-1], device=masks.device, dtype=masks.dtype) + 0.5
    across = pixels[None, None, :] - params[:, 0, None, None]
    below = pixels[None, :, None] - params[:, 1, None, None]
    by_radius = (across * by_x + below * by_y) / params[:, 2, None, None]
    by_variance = (left + right + up + down - 4 * masks) / 2
    return torch.stack([by_x, by_y, by_radius, by_variance], dim=1).flatten(2)
