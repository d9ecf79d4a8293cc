"""The kernel distance of two sets of feature vectors: squared maximum mean discrepancy under a cubic kernel.

With Inception features it is KID (Binkowski et al. 2018, arXiv:1801.01401). It is taken over all pairs at once, which
is the U-statistic itself and not a mean over random subsets: nothing is drawn, and it is unbiased at any n. Its
standard error comes from leaving out one block of both sets after the other (the block jackknife, Künsch 1989).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

NUM_BLOCKS = 20
ROWS_AT_ONCE = 1024

Vectors = Float[Tensor, "n dim"]
Membership = Float[Tensor, "n blocks"]
ByBlocks = Float[Tensor, "blocks blocks"]


class Estimate(NamedTuple):
    """A value, and the standard deviation that it has from sample to sample."""

    value: float
    standard_error: float


class _Pairs(NamedTuple):
    """Kernels of pairs, summed by the blocks of the two, and how many pairs those are."""

    sums: ByBlocks
    counts: ByBlocks

    def mean(self) -> Tensor:
        return self.sums.sum() / self.counts.sum()

    def means_without_each_block(self) -> Tensor:
        return _without_each(self.sums) / _without_each(self.counts)


def kernel_distance(
    some: Float[Tensor, "n dim"], others: Float[Tensor, "m dim"], *, num_blocks: int = NUM_BLOCKS
) -> Estimate:
    """Zero in expectation for equal distributions, so that a value may be negative.

    k(x, y) = (x.y / dim + 1)^3, in float64, with `ROWS_AT_ONCE` rows of the kernel in memory. Vector i is of block i
    modulo `num_blocks`. Where the distributions are equal the standard error is too large rather than too small.
    """
    num = min(len(some), len(others))
    if num < 2 * num_blocks:
        raise ValueError(f"a kernel distance needs {2 * num_blocks} vectors of each set, not {num}")
    first, second = some.double(), others.double()
    blocks, other_blocks = _membership(first, num_blocks), _membership(second, num_blocks)
    pairs = (_within(first, blocks), _within(second, other_blocks), _across(first, second, blocks, other_blocks))
    without_each = _discrepancy(*(p.means_without_each_block() for p in pairs))
    spread = (without_each - without_each.mean()).square().sum()
    error = ((num_blocks - 1) / num_blocks * spread).sqrt()
    return Estimate(float(_discrepancy(*(p.mean() for p in pairs))), float(error))


def _discrepancy(within_first: Tensor, within_second: Tensor, across: Tensor) -> Tensor:
    return within_first + within_second - 2 * across


def _across(first: Vectors, second: Float[Tensor, "m dim"], blocks: Membership, other_blocks: Tensor) -> _Pairs:
    sums = first.new_zeros(blocks.shape[1], blocks.shape[1])
    for rows, row_blocks in zip(first.split(ROWS_AT_ONCE), blocks.split(ROWS_AT_ONCE), strict=True):
        sums += row_blocks.T @ (_kernel(rows @ second.T, first.shape[1]) @ other_blocks)
    return _Pairs(sums, torch.outer(blocks.sum(dim=0), other_blocks.sum(dim=0)))


def _within(vectors: Vectors, blocks: Membership) -> _Pairs:
    """No vector is paired with itself."""
    pairs = _across(vectors, vectors, blocks, blocks)
    selves = _kernel(vectors.square().sum(dim=1), vectors.shape[1])
    return _Pairs(pairs.sums - torch.diag(blocks.T @ selves), pairs.counts - torch.diag(blocks.sum(dim=0)))


def _kernel(products: Tensor, dim: int) -> Tensor:
    base = products.div_(dim).add_(1)
    return base * base * base


def _without_each(by_blocks: ByBlocks) -> Float[Tensor, " blocks"]:
    """Element b: the sum of all in which block b has no part."""
    return by_blocks.sum() - by_blocks.sum(dim=0) - by_blocks.sum(dim=1) + by_blocks.diagonal()


def _membership(vectors: Vectors, num_blocks: int) -> Membership:
    """Row i has its one in column i modulo `num_blocks`."""
    places = torch.arange(len(vectors), device=vectors.device) % num_blocks
    return torch.nn.functional.one_hot(places, num_blocks).to(vectors.dtype)
