"""How far the filters of a layer are from being orthogonal, whatever their lengths (BigGAN, arXiv:1809.11096)."""

from jaxtyping import Float
from torch import Tensor


def orthogonal_loss(filters: Float[Tensor, "outputs inputs"]) -> Float[Tensor, ""]:
    """Sum of squared inner products of different filters (Brock et al. 2019, equation 3, without its beta).

    The article writes W^T W of filters in columns; here they are rows.
    """
    outputs, inputs = filters.shape
    if outputs <= inputs:
        return (filters @ filters.T).fill_diagonal_(0).square().sum()
    # the smaller of two Gram matrices with equal norms; from its square go the filters' own products
    return (filters.T @ filters).square().sum() - filters.square().sum(1).square().sum()
