"""Fit rendered objects to patches of the residual: position, radius, blur and colour, for given shapes.

The method is Gauss-Newton with the colour eliminated (it is linear). The mask is rendered once per step; its
derivatives come from the mask itself: by position from its slope, by radius from scaling, by blur variance from the
heat equation. Every patch has one object and any number of independent hypotheses about it.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from diptych.world.shapes import coverage
from diptych.world.spec import SHAPES

LEAST_VARIANCE, MOST_VARIANCE = 0.02, 2.6
"""Bounds of the blur variance in pixels squared: from no blur to a standard deviation of 1.6."""

STEP_LIMIT = (0.7, 0.7, 0.5, 0.5)
DAMPING = 1e-3

Shapes = Int[Tensor, "n hypotheses"]
Params = Float[Tensor, "n hypotheses 4"]
Masks = Float[Tensor, "n hypotheses patch patch"]
Patches = Float[Tensor, "n 3 patch patch"]


@dataclass(frozen=True)
class Fit:
    """Hypotheses about the object of each patch, and their errors.

    `params` are x, y, radius and blur variance in the patch's pixels; `colour` is free, not one of the palette; `error`
    is the remaining squared error, `energy` the initial one.
    """

    shapes: Shapes
    params: Params
    masks: Masks
    colour: Float[Tensor, "n hypotheses 3"]
    error: Float[Tensor, "n hypotheses"]
    energy: Float[Tensor, " n"]

    def best(self) -> "Fit":
        """The hypothesis of each object with the smallest error."""
        return self.keep(self.error.argmin(dim=1, keepdim=True))

    def keep(self, chosen: Int[Tensor, "n kept"]) -> "Fit":
        """Only the chosen hypotheses of each object, in that order."""
        rows = torch.arange(len(chosen), device=chosen.device)[:, None]
        shapes, params, masks, colour, error = (
            part[rows, chosen] for part in (self.shapes, self.params, self.masks, self.colour, self.error)
        )
        return Fit(shapes, params, masks, colour, error, self.energy)

    @property
    def synthesis(self) -> Float[Tensor, "n 3 patch patch"]:
        """The rendering of each object's first hypothesis."""
        return self.colour[:, 0, :, None, None] * self.masks[:, :1]


def fit(shapes: Shapes, params: Params, patches: Patches, radii: tuple[float, float], steps: int) -> Fit:
    """The best hypothesis of each shape near its `params`; radii stay within the given range."""
    for _ in range(steps):
        params = _step(shapes, params, patches, radii)
    return evaluate(shapes, params, patches)


def evaluate(shapes: Shapes, params: Params, patches: Patches) -> Fit:
    """The errors of hypotheses on their patches, without fitting."""
    masks = blurred_masks(shapes, params, patches.shape[-1])
    colour = _best_colour(masks.flatten(2), patches.flatten(2))
    energy = patches.square().sum(dim=(1, 2, 3))
    explained = colour.square().sum(dim=2) * masks.square().sum(dim=(2, 3))
    return Fit(shapes, params, masks, colour, energy[:, None] - explained, energy)


def blurred_masks(shapes: Shapes, params: Params, side: int) -> Masks:
    """Coverage of every object on a patch, blurred by its own variance."""
    flat, kinds = params.flatten(0, 1), shapes.flatten()
    masks = params.new_empty(len(flat), side, side)
    for number, shape in enumerate(SHAPES):
        rows = (kinds == number).nonzero()[:, 0]
        if len(rows):
            x, y, radius, _ = flat[rows].unbind(dim=1)
            masks[rows] = coverage(shape, x, y, radius, side)
    blur = blur_matrix(flat[:, 3], side)
    return (blur @ masks @ blur.mT).unflatten(0, shapes.shape)


def blur_matrix(variance: Float[Tensor, " n"], side: int) -> Float[Tensor, "n side side"]:
    """Gaussian blur of a column of pixels as a matrix; the outside is zero."""
    places = torch.arange(side, device=variance.device)
    kernel = torch.exp(-places.square() / (2 * variance[:, None]))
    distance = (places[:, None] - places).abs()
    rows = kernel[:, distance]
    return rows / rows[:, side // 2].sum(dim=1)[:, None, None]


def _step(shapes: Shapes, params: Params, patches: Patches, radii: tuple[float, float]) -> Params:
    """One Gauss-Newton step; the colour's effect is projected out of the products of slopes."""
    side = patches.shape[-1]
    masks, pixels = blurred_masks(shapes, params, side), patches.flatten(2)
    slopes = _derivatives(masks, params).flatten(3)
    flat = masks.flatten(2)
    colour = _best_colour(flat, pixels)
    strength = colour.square().sum(dim=2)[:, :, None].clamp(min=1e-6)
    left_over = colour @ pixels - strength * flat
    mass = flat.square().sum(dim=2)[:, :, None, None].clamp(min=1e-12)
    along = slopes @ flat[:, :, :, None]
    curvature = slopes @ slopes.mT - along @ along.mT / mass
    curvature = strength[..., None] * (curvature + DAMPING * torch.eye(4, device=params.device))
    change = torch.linalg.solve(curvature, slopes @ left_over[:, :, :, None])[..., 0]
    limit = change.new_tensor(STEP_LIMIT) * (side / 25)
    x, y, radius, variance = (params + change.clamp(-limit, limit)).unbind(dim=2)
    return torch.stack([x, y, radius.clamp(*radii), variance.clamp(LEAST_VARIANCE, MOST_VARIANCE)], dim=2)


def _best_colour(
    masks: Float[Tensor, "n hypotheses pixels"], pixels: Float[Tensor, "n 3 pixels"]
) -> Float[Tensor, "n hypotheses 3"]:
    return masks @ pixels.mT / masks.square().sum(dim=2).clamp(min=1e-6)[:, :, None]


def _derivatives(masks: Masks, params: Params) -> Float[Tensor, "n hypotheses 4 patch patch"]:
    """The derivatives of every mask by x, y, radius and blur variance."""
    padded = F.pad(masks, (1, 1, 1, 1))
    left, right = padded[:, :, 1:-1, :-2], padded[:, :, 1:-1, 2:]
    up, down = padded[:, :, :-2, 1:-1], padded[:, :, 2:, 1:-1]
    pixels = torch.arange(masks.shape[-1], device=masks.device, dtype=masks.dtype) + 0.5
    offsets = (pixels - params[:, :, :2, None]) / params[:, :, 2, None, None]
    slopes = masks.new_empty(*masks.shape[:2], 4, *masks.shape[2:])
    by_x = torch.sub(left, right, out=slopes[:, :, 0]).div_(2)
    by_y = torch.sub(up, down, out=slopes[:, :, 1]).div_(2)
    torch.mul(offsets[:, :, 0, None, :], by_x, out=slopes[:, :, 2]).addcmul_(offsets[:, :, 1, :, None], by_y)
    slopes[:, :, 3] = (left + right + up + down).div_(2).sub_(masks, alpha=2)
    return slopes
