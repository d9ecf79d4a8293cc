"""The text-pretraining loss: the distance of sentence vectors from their targets."""

from jaxtyping import Float
from torch import Tensor


def pretraining_loss(
    sentences: Float[Tensor, "batch dim"], targets: Float[Tensor, "batch dim"]
) -> Float[Tensor, " batch"]:
    """Mean squared error per dimension of each sentence vector, in float32."""
    return (sentences.float() - targets.float()).square().mean(dim=1)
