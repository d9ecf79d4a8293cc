"""Detect objects one by one: find the rendered object that best explains the residual, subtract it, repeat.

Candidates are matched filters of all shapes and sizes at every other pixel; the best one is refined by fitting before
it is subtracted. A candidate's score decreases with the energy that it leaves around it: otherwise two small touching
objects of one colour would be detected as one large object, and this error would stay. Pictures are reduced to
`COARSE_SIDE` pixels, where an object of the world can be detected, though its shape is not yet certain.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from diptych.world.canvas import Canvas
from diptych.world.judging.fitting import Fit, blurred_masks, fit
from diptych.world.spec import RADII_AT_32, SHAPES

COARSE_SIDE = 32
FILTER_SIDE = 21
STRIDE = 2
LEAST_GAIN = 22.0
"""The squared error that an object must explain at least: 15 % of the smallest object's energy."""

REACH = 1.1
"""Half the side of the square in which a candidate should explain everything, in radii."""

START_VARIANCE = 0.4
FIT_STEPS = 3


@dataclass(frozen=True)
class Found:
    """Objects in a batch of pictures: picture number, shape number, and x, y, radius and blur variance in pixels."""

    image: Int[Tensor, " n"]
    shape: Int[Tensor, " n"]
    params: Float[Tensor, "n 4"]


def detect(images: Float[Tensor, "b 3 side side"], most: int) -> Found:
    """Up to `most` objects per picture, best first."""
    rest = Canvas(images)
    filters, kinds = matched_filters(images)
    open_images = torch.arange(len(images), device=images.device)
    rounds: list[Found] = []
    while len(rounds) < most and (len(open_images) or not rounds):
        found = _best_of_each(rest.images[open_images], open_images, filters, kinds)
        fitted, corners = _refine(rest, found)
        rest.add(found.image, corners, -fitted.synthesis)
        rounds.append(Found(found.image, found.shape, to_picture(fitted.params, corners)[:, 0]))
        open_images = found.image
    return _joined(rounds)


def radius_range(side: int) -> tuple[float, float]:
    """The range of radii to search: slightly wider than that of scenes."""
    return 0.7 * RADII_AT_32["small"][0] * side / 32, 1.3 * RADII_AT_32["large"][1] * side / 32


def to_patch(params: Float[Tensor, "n hypotheses 4"], corners: Int[Tensor, "n 2"]) -> Float[Tensor, "n hypotheses 4"]:
    """Parameters in the coordinates of patches with these corners."""
    return params - F.pad(corners, (0, 2))[:, None]


def to_picture(params: Float[Tensor, "n hypotheses 4"], corners: Int[Tensor, "n 2"]) -> Float[Tensor, "n hypotheses 4"]:
    """The inverse of `to_patch`."""
    return params + F.pad(corners, (0, 2))[:, None]


def matched_filters(like: Tensor) -> tuple[Float[Tensor, "k 1 filter filter"], Float[Tensor, "k 2"]]:
    """Slightly blurred masks of unit energy, and the shape number and radius of each."""
    sizes = [(low + high) / 2 for low, high in RADII_AT_32.values()]
    kinds = like.new_tensor([(number, radius) for number in range(len(SHAPES)) for radius in sizes])
    middle = torch.full_like(kinds[:, 1], FILTER_SIDE / 2)
    params = torch.stack([middle, middle, kinds[:, 1], torch.full_like(middle, START_VARIANCE)], dim=1)
    masks = blurred_masks(kinds[:, :1].long(), params[:, None], FILTER_SIDE)
    return masks / masks.flatten(1).norm(dim=1)[:, None, None, None], kinds


def _refine(rest: Canvas, found: Found) -> tuple[Fit, Int[Tensor, "n 2"]]:
    """Fit every object to the residual around it; also return the corners of the patches."""
    corners = rest.corners(found.params[:, 0], found.params[:, 1])
    patches, start = rest.cut(found.image, corners), to_patch(found.params[:, None], corners)
    return fit(found.shape[:, None], start, patches, radius_range(rest.side), FIT_STEPS), corners


def _best_of_each(
    rest: Float[Tensor, "n 3 side side"],
    image: Int[Tensor, " n"],
    filters: Float[Tensor, "k 1 filter filter"],
    kinds: Float[Tensor, "k 2"],
) -> Found:
    """The filter and pixel that explain each picture best, if they explain enough."""
    answers = F.conv2d(rest.flatten(0, 1)[:, None], filters, padding=FILTER_SIDE // 2, stride=STRIDE)
    gains = answers.unflatten(0, (-1, 3)).square().sum(dim=1)
    share = gains / _energy_around(rest, kinds[:, 1]).clamp(min=LEAST_GAIN)
    score, place = torch.where(gains > LEAST_GAIN, gains * share.clamp(max=1).square(), 0).flatten(1).max(dim=1)
    across = gains.shape[-1]
    filter_number, pixel = place // across**2, place % across**2
    x, y = STRIDE * (pixel % across) + 0.5, STRIDE * (pixel // across) + 0.5
    variance = torch.full_like(x, START_VARIANCE)
    params = torch.stack([x, y, kinds[filter_number, 1], variance], dim=1)
    enough = score > 0
    return Found(image[enough], kinds[filter_number[enough], 0].long(), params[enough])


def _energy_around(
    rest: Float[Tensor, "n 3 side side"], radii: Float[Tensor, " k"]
) -> Float[Tensor, "n k across across"]:
    """The energy in a square around each filter's position, slightly wider than its object."""
    energy = rest.square().sum(dim=1, keepdim=True)
    sums = {}
    for radius in set(radii.tolist()):
        reach = round(REACH * radius)
        sums[radius] = F.avg_pool2d(energy, 2 * reach + 1, STRIDE, reach, divisor_override=1)
    return torch.cat([sums[radius] for radius in radii.tolist()], dim=1)


def _joined(rounds: list[Found]) -> Found:
    return Found(
        torch.cat([found.image for found in rounds]),
        torch.cat([found.shape for found in rounds]),
        torch.cat([found.params for found in rounds]),
    )
