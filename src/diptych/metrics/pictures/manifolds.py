"""How much of the generated is plausible, and how much of the real is covered, by balls around feature vectors.

A ball around each vector reaches to its k-th nearest neighbour in its own set. Precision and recall are of
Kynkäänniemi et al. 2019 (arXiv:1904.06991), density and coverage of Naeem et al. 2020 (arXiv:2002.09797), who hold up
better where single real vectors lie far out. All four depend on n and k: compare at equal ones only.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

NEIGHBOURS = 5
ROWS_AT_ONCE = 256
ROUNDING = 1e-13
"""Squared distances up to this share of the largest squared norm are rounding errors of equal vectors."""

Vectors = Float[Tensor, "n dim"]


class ManifoldScores(NamedTuple):
    """Shares in [0, 1], but for density, which may exceed 1.

    `precision`: generated in some real ball. `recall`: real in some generated ball. `density`: real balls around a
    generated one, of k. `coverage`: real whose ball has a generated one in it.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifold_scores(
    real: Float[Tensor, "n dim"], generated: Float[Tensor, "m dim"], *, neighbours: int = NEIGHBOURS
) -> ManifoldScores:
    """All four, in float64 and with `ROWS_AT_ONCE` rows of distances in memory.

    A vector on the edge of a ball lies outside it, as in the authors' package: sets that are one point score 0.
    """
    if min(len(real), len(generated)) <= neighbours:
        raise ValueError(f"{neighbours} nearest neighbours need {neighbours + 1} vectors of each set")
    centre = real.double().mean(dim=0)
    real, generated = real.double() - centre, generated.double() - centre
    real_radii, generated_radii = _radii(real, neighbours), _radii(generated, neighbours)
    plausible = torch.zeros(len(generated), dtype=torch.bool, device=generated.device)
    recalled = covered = memberships = 0
    for rows, distances in _distances(real, generated):
        inside = distances < real_radii[rows, None]
        plausible |= inside.any(dim=0)
        memberships += int(inside.count_nonzero())
        covered += int(inside.any(dim=1).count_nonzero())
        recalled += int((distances < generated_radii).any(dim=1).count_nonzero())
    return ManifoldScores(
        precision=float(plausible.double().mean()),
        recall=recalled / len(real),
        density=memberships / (neighbours * len(generated)),
        coverage=covered / len(real),
    )


def _radii(vectors: Vectors, neighbours: int) -> Float[Tensor, " n"]:
    """Squared distance of each vector to its k-th nearest other; below 0 where that is equal, for nothing is nearer."""
    nearest = [d.topk(neighbours + 1, dim=1, largest=False).values[:, -1] for _, d in _distances(vectors, vectors)]
    radii = torch.cat(nearest)
    rounding = ROUNDING * float(vectors.square().sum(dim=1).max())
    return torch.where(radii > rounding, radii, -1.0)


def _distances(some: Vectors, others: Float[Tensor, "m dim"]) -> Iterator[tuple[slice, Float[Tensor, "rows m"]]]:
    """Squared distances, some rows after the other, as one product: |x|^2 - 2 x.y + |y|^2."""
    norms, other_norms = (v.square().sum(dim=1, keepdim=True) for v in (some, others))
    left = torch.cat([-2 * some, norms, torch.ones_like(norms)], dim=1)
    right = torch.cat([others, torch.ones_like(other_norms), other_norms], dim=1).T
    for start in range(0, len(some), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        yield rows, left[rows] @ right
