"""The information bound of any judge: how often noise alone makes a wrong object fit better than the true one.

For each object the nearest other shape or size is searched, with free position and radius: two pictures at distance d
under Gaussian noise of standard deviation s per value are confused with probability Phi(-d / 2s), even by a judge that
knows everything else. A scene is misread if one of its objects is. This is a lower bound of the error: there are other
wrong scenes, the nearest one may not have been found, and noise clamped at black and white contains less information.
"""

from collections.abc import Sequence
from itertools import product
from math import sqrt

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diptych.types import Scene, SceneObject
from diptych.world.judging.fitting import blur_matrix
from diptych.world.shapes import coverage
from diptych.world.spec import RADII_AT_32, SHAPES, SIZES

from .nuisances import Nuisance

STEPS = 60
STEP_SIZE = 0.05
"""The step of the descent towards the nearest wrong object, in pixels at 32."""

PATCH_AT_32 = 21


def error_floor(scenes: Sequence[Scene], nuisance: Nuisance) -> float:
    """Mean probability that a scene is misread under the nuisance by the best judge there could be; a lower bound."""
    if not nuisance.noise:
        return 0.0
    things = [thing for scene in scenes for thing in scene.objects]
    mistaken = iter(confusion_probs(things, scenes[0].side, nuisance).tolist())
    right = [torch.tensor([1 - next(mistaken) for _ in scene.objects]).prod() for scene in scenes]
    return 1 - float(torch.stack(right).mean())


def confusion_probs(things: Sequence[SceneObject], side: int, nuisance: Nuisance) -> Float[Tensor, " n"]:
    """Probability that the likeliest wrong shape or size of each object beats the true one."""
    distance = nearest_distances(things, side, nuisance.blur) * sqrt(3) * nuisance.contrast
    return torch.special.ndtr(-distance / (2 * 2 * nuisance.noise))


def nearest_distances(things: Sequence[SceneObject], side: int, blur: float) -> Float[Tensor, " n"]:
    """Distance of each object's blurred mask from the nearest one of another shape or size, place and radius free."""
    patch = PATCH_AT_32 * side // 32
    truth = _masks([thing.shape for thing in things], _start(things, patch), patch, blur)
    nearest = torch.full((len(things),), torch.inf)
    for shape, size in product(SHAPES, SIZES):
        other = torch.tensor([(thing.shape, thing.size) != (shape, size) for thing in things])
        rows = other.nonzero()[:, 0]
        if len(rows):
            start = _start([things[i] for i in rows.tolist()], patch)
            nearest[rows] = nearest[rows].minimum(_approach(shape, size, start, truth[rows], side, blur))
    return nearest


def _approach(
    shape: str, size: str, start: Float[Tensor, "n 3"], truth: Float[Tensor, "n patch patch"], side: int, blur: float
) -> Float[Tensor, " n"]:
    """The distance that remains when an object of this kind is fitted to the masks by descent."""
    low, high = (radius * side / 32 for radius in RADII_AT_32[size])
    params = start.clone()
    params[:, 2] = params[:, 2].clamp(low, high)
    params.requires_grad_()
    optimizer = torch.optim.Adam([params], lr=STEP_SIZE * side / 32)
    best = torch.full((len(start),), torch.inf)
    for _ in range(STEPS):
        clamped = torch.cat([params[:, :2], params[:, 2:].clamp(low, high)], dim=1)
        error = (_masks([shape] * len(start), clamped, truth.shape[-1], blur) - truth).square().sum(dim=(1, 2))
        best = torch.minimum(best, error.detach())
        optimizer.zero_grad()
        error.sum().backward()
        optimizer.step()
    return best.sqrt()


def _start(things: Sequence[SceneObject], patch: int) -> Float[Tensor, "n 3"]:
    """x, y and radius on a patch around each object, with the position within its pixel kept."""
    rows = [(thing.x % 1 + patch // 2, thing.y % 1 + patch // 2, thing.radius) for thing in things]
    return torch.tensor(rows, dtype=torch.float32)


def _masks(
    shapes: Sequence[str], params: Float[Tensor, "n 3"], patch: int, blur: float
) -> Float[Tensor, "n patch patch"]:
    masks = params.new_zeros(len(params), patch, patch)
    for shape in set(shapes):
        rows = _where(shapes, shape)
        masks = masks.index_add(0, rows, coverage(shape, params[rows, 0], params[rows, 1], params[rows, 2], patch))
    if not blur:
        return masks
    matrix = blur_matrix(params.new_tensor([blur**2]), patch)
    return matrix @ masks @ matrix.mT


def _where(shapes: Sequence[str], wanted: str) -> Int[Tensor, " n"]:
    return torch.tensor([i for i, shape in enumerate(shapes) if shape == wanted])
