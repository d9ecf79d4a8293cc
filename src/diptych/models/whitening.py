"""PCA whitening of sentence vectors, so that rare information is as strong as common information.

A few directions dominate a sentence vector from regression: on scenes, colours have the largest variance, and the
variance of which object has which shape is a hundredth to a thousandth of it. A network trained by gradients on such
vectors learns the strong directions first and the weak ones last.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

Vectors = Float[Tensor, "batch dim"]


class Whitening(nn.Module):
    """Principal components at unit variance (PCA whitening), once it is settled; the identity before.

    Components with less than `floor` times the strongest variance are noise and are dropped. The output keeps its `dim`
    and a mean square of one per dimension, whatever the number of components.
    """

    count: Tensor
    total: Tensor
    products: Tensor
    shift: Tensor
    matrix: Tensor

    def __init__(self, dim: int, floor: float) -> None:
        super().__init__()
        self.floor = floor
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("total", torch.zeros(dim, dtype=torch.float64))
        self.register_buffer("products", torch.zeros(dim, dim, dtype=torch.float64))
        self.register_buffer("shift", torch.zeros(dim))
        self.register_buffer("matrix", torch.eye(dim))

    def forward(self, vectors: Vectors) -> Vectors:
        return (vectors - self.shift) @ self.matrix

    @property
    def has_observed(self) -> bool:
        """Whether there are statistics to settle by; one vector has none."""
        return bool(self.count >= 2)

    def reset(self) -> None:
        """Reset to the identity until `settle` is called again."""
        for statistic in (self.count, self.total, self.products, self.shift):
            statistic.zero_()
        nn.init.eye_(self.matrix)

    @torch.no_grad()
    def observe(self, vectors: Vectors) -> None:
        """Accumulate statistics of vectors before whitening."""
        exact = vectors.detach().double()
        self.count += len(exact)
        self.total += exact.sum(0)
        self.products += exact.T @ exact

    @torch.no_grad()
    def settle(self) -> None:
        """Whiten from now on, by the accumulated statistics."""
        if not self.has_observed:
            raise ValueError("whitening needs at least two vectors: observe more before `settle`")
        mean = self.total / self.count
        covariance = self.products / self.count - torch.outer(mean, mean)
        variances, directions = torch.linalg.eigh(covariance)
        kept = variances > self.floor * variances[-1]
        gains = torch.where(kept, variances.clamp(min=1e-300).rsqrt(), 0.0)
        spread = (len(mean) / kept.sum()).sqrt()
        self.shift.copy_(mean)
        self.matrix.copy_(directions * gains * spread)
