"""The Fréchet distance of two sets of feature vectors: that of the Gaussians with their means and covariances.

With m, S for mean and covariance (Dowson & Landau 1982; with Inception features it is FID, Heusel et al. 2017,
arXiv:1706.08500):

    |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1^1/2 S2 S1^1/2)^1/2

Everything is in float64. The last trace is the sum of the roots of the eigenvalues of R' S2 R for any R with R R' = S1:
a symmetric matrix, so that they are real, and no root of a non-symmetric matrix is taken. R is the Cholesky factor,
or, where S1 is singular, comes from its eigenvectors.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

LEAST_PER_DIMENSION = 10
"""Vectors a dimension, below which the bias, which falls as 1/n, drowns what is to be measured."""

SMALLEST_SHARE = 4
NUM_SUBSETS = 8


@dataclass(frozen=True)
class Gaussian:
    """Mean and unbiased covariance of a set of vectors, in float64."""

    mean: Float[Tensor, " dim"]
    covariance: Float[Tensor, "dim dim"]

    @classmethod
    def of(cls, features: Float[Tensor, "n dim"]) -> "Gaussian":
        """At least two vectors are needed."""
        exact = features.double()
        mean = exact.mean(dim=0)
        centred = exact - mean
        return cls(mean, centred.T @ centred / (len(exact) - 1))


def frechet_distance(some: Float[Tensor, "n dim"], others: Float[Tensor, "m dim"], *, force: bool = False) -> float:
    """Of two sets of feature vectors, in the square of their unit; the roles of the two are the same.

    Two sets of one distribution are about 1/n apart, so fewer than 10 vectors a dimension are refused unless forced.
    """
    num, dim = min(len(some), len(others)), some.shape[1]
    if num < least_vectors(dim) and not force:
        raise ValueError(
            f"the Fréchet distance of {num:,} vectors in {dim:,} dimensions is mostly bias: give "
            f"{least_vectors(dim):,} or more, take features of fewer dimensions, or force it"
        )
    if max(len(some), len(others)) < dim:
        return _from_few(some.double(), others.double())
    return gaussian_distance(Gaussian.of(some), Gaussian.of(others))


def least_vectors(dim: int) -> int:
    """How many vectors of each set the distance wants."""
    return LEAST_PER_DIMENSION * dim


def gaussian_distance(first: Gaussian, second: Gaussian) -> float:
    """Never negative; singular covariances (constant or dependent features) are as good as others."""
    shift = (first.mean - second.mean).square().sum()
    traces = first.covariance.trace() + second.covariance.trace()
    root = _root(first.covariance)
    common = torch.linalg.eigvalsh(root.T @ second.covariance @ root).clamp(min=0).sqrt().sum()
    return float((shift + traces - 2 * common).clamp(min=0))


def frechet_infinity(some: Float[Tensor, "n dim"], others: Float[Tensor, "m dim"], rng: torch.Generator) -> float:
    """The distance that endlessly many vectors would have (Chong & Forsyth 2020, arXiv:1911.07023); may be negative.

    A straight line through the distances of random subsets, from a quarter of the vectors to all, against 1/n. Both
    sets are thinned alike, so that the bias of both goes. Needs 8 vectors a dimension.
    """
    num, dim = min(len(some), len(others)), some.shape[1]
    if num < 2 * SMALLEST_SHARE * dim:
        raise ValueError(
            f"the limit of the Fréchet distance needs {2 * SMALLEST_SHARE * dim:,} vectors in {dim:,} dimensions, not "
            f"{num:,}"
        )
    inverse = torch.linspace(SMALLEST_SHARE / num, 1 / num, NUM_SUBSETS, dtype=torch.float64)
    sizes = (1 / inverse).round().long().tolist()
    distances = [frechet_distance(_some(some, n, rng), _some(others, n, rng), force=True) for n in sizes]
    return _intercept(inverse, torch.tensor(distances, dtype=torch.float64))


def _from_few(some: Float[Tensor, "n dim"], others: Float[Tensor, "m dim"]) -> float:
    """The same number where both covariances are singular anyway: their common trace is a nuclear norm of n x m."""
    mean, other_mean = some.mean(dim=0), others.mean(dim=0)
    first, second = (some - mean) / (len(some) - 1) ** 0.5, (others - other_mean) / (len(others) - 1) ** 0.5
    common = torch.linalg.svdvals(first @ second.T).sum()
    shift = (mean - other_mean).square().sum()
    return float((shift + first.square().sum() + second.square().sum() - 2 * common).clamp(min=0))


def _root(covariance: Float[Tensor, "dim dim"]) -> Float[Tensor, "dim dim"]:
    """R with R R' = covariance."""
    factor, failure = torch.linalg.cholesky_ex(covariance)
    if not failure:
        return factor
    variances, directions = torch.linalg.eigh(covariance)
    return directions * variances.clamp(min=0).sqrt()


def _some(features: Float[Tensor, "n dim"], num: int, rng: torch.Generator) -> Float[Tensor, "num dim"]:
    return features[torch.randperm(len(features), generator=rng)[:num]]


def _intercept(x: Float[Tensor, " points"], y: Float[Tensor, " points"]) -> float:
    """Of the line of least squares."""
    offset = x - x.mean()
    slope = (offset * y).sum() / offset.square().sum()
    return float(y.mean() - slope * x.mean())
