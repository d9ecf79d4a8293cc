"""Finding objects one after the other: the rendered object that explains most of what is left, subtracted, repeat.

Candidates are matched filters of all shapes and sizes at every other pixel (of the picture reduced to about 32 pixels);
the best is refined by fitting before it is subtracted. Objects do not overlap, so their gains add up and being
greedy loses little.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from diptych.world.canvas import Canvas
from diptych.world.fitting import Fit, blurred_masks, fit
from diptych.world.spec import RADII_AT_32, SHAPES

COARSE_SIDE = 32
FILTER_SIDE = 21
STRIDE = 2
LEAST_GAIN = 22.0
"""Squared error, of a picture reduced to 32 px, that an object must explain: 15 % of the smallest one's energy."""

START_VARIANCE = 0.4
FIT_STEPS = 3


@dataclass(frozen=True)
class Found:
    """Objects in a batch of pictures: which picture, which shape, and x, y, radius and blur variance in pixels."""

    image: Int[Tensor, " n"]
    shape: Int[Tensor, " n"]
    params: Float[Tensor, "n 4"]


def detect(images: Float[Tensor, "b 3 side side"], most: int) -> Found:
    """Up to `most` objects a picture, best first within each."""
    rest = Canvas(images)
    filters, kinds = matched_filters(images)
    open_images = torch.arange(len(images), device=images.device)
    rounds: list[Found] = []
    while len(rounds) < most and (len(open_images) or not rounds):
        found = _best_of_each(rest.images[open_images], open_images, filters, kinds)
        fitted, corners = refine(rest, found, FIT_STEPS)
        rest.paint(found.image, corners, -fitted.synthesis)
        rounds.append(Found(found.image, found.shape, to_picture(fitted.params, corners)))
        open_images = found.image
    return _joined(rounds)


def refine(rest: Canvas, found: Found, steps: int) -> tuple[Fit, Int[Tensor, "n 2"]]:
    """Fit every object to what is left around it; also the corners of the patches that were looked at."""
    corners = rest.corners(found.params[:, 0], found.params[:, 1])
    patches = rest.cut(found.image, corners)
    return fit(found.shape, to_patch(found.params, corners), patches, radius_range(rest.side), steps), corners


def radius_range(side: int) -> tuple[float, float]:
    """Radii between which objects are sought: a little beyond those that scenes have."""
    return 0.7 * RADII_AT_32["small"][0] * side / 32, 1.3 * RADII_AT_32["large"][1] * side / 32


def to_patch(params: Float[Tensor, "n 4"], corners: Int[Tensor, "n 2"]) -> Float[Tensor, "n 4"]:
    """Parameters in the coordinates of patches with these corners."""
    return torch.cat([params[:, :2] - corners, params[:, 2:]], dim=1)


def to_picture(params: Float[Tensor, "n 4"], corners: Int[Tensor, "n 2"]) -> Float[Tensor, "n 4"]:
    """The inverse of `to_patch`."""
    return torch.cat([params[:, :2] + corners, params[:, 2:]], dim=1)


def matched_filters(like: Tensor) -> tuple[Float[Tensor, "k 1 filter filter"], Float[Tensor, "k 2"]]:
    """Slightly blurred masks of unit energy, and the shape number and radius (at 32 px) of each."""
    sizes = [(low + high) / 2 for low, high in RADII_AT_32.values()]
    kinds = like.new_tensor([(number, radius) for number in range(len(SHAPES)) for radius in sizes])
    middle = torch.full_like(kinds[:, 1], FILTER_SIDE / 2)
    params = torch.stack([middle, middle, kinds[:, 1], torch.full_like(middle, START_VARIANCE)], dim=1)
    masks = blurred_masks(kinds[:, 0].long(), params, FILTER_SIDE)
    return (masks / masks.flatten(1).norm(dim=1)[:, None, None])[:, None], kinds


def _best_of_each(
    rest: Float[Tensor, "n 3 side side"],
    image: Int[Tensor, " n"],
    filters: Float[Tensor, "k 1 filter filter"],
    kinds: Float[Tensor, "k 2"],
) -> Found:
    """The filter and pixel that explain most of each picture, where that is enough."""
    scale = rest.shape[-1] / COARSE_SIDE
    coarse = F.interpolate(rest, (COARSE_SIDE, COARSE_SIDE), mode="area").flatten(0, 1)[:, None]
    answers = F.conv2d(coarse, filters, padding=FILTER_SIDE // 2, stride=STRIDE)
    gains = answers.unflatten(0, (-1, 3)).square().sum(dim=1)
    gain, place = gains.flatten(1).max(dim=1)
    across = COARSE_SIDE // STRIDE
    filter_number, pixel = place // across**2, place % across**2
    x, y = STRIDE * (pixel % across) + 0.5, STRIDE * (pixel // across) + 0.5
    variance = torch.full_like(x, START_VARIANCE)
    params = torch.stack([x * scale, y * scale, kinds[filter_number, 1] * scale, variance], dim=1)
    enough = gain > LEAST_GAIN
    return Found(image[enough], kinds[filter_number[enough], 0].long(), params[enough])


def _joined(rounds: list[Found]) -> Found:
    return Found(
        torch.cat([found.image for found in rounds]),
        torch.cat([found.shape for found in rounds]),
        torch.cat([found.params for found in rounds]),
    )
