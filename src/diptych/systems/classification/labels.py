"""What a classifier says of an image."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Classification:
    """An image's predicted labels, and the probability of every label of the data."""

    labels: tuple[str, ...]
    probs: Float[Tensor, " labels"]
