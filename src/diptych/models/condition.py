"""A sentence vector as a generator or discriminator uses it, at the scale of its other inputs whatever encoder made it.

Sentence vectors of a new recurrent encoder have norms around 10 and differ by a fourth of that: beside 100 latents they
drown the latents and say nearly the same. Standardised, compressed (as in GAN-INT-CLS, Reed et al. 2016,
arXiv:1605.05396) and standardised again, they have one norm and their differences count.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Condition(nn.Module):
    """From sentence vectors of `sentence_dim` to `dim` numbers with mean 0 and variance 1 in each sentence."""

    def __init__(self, sentence_dim: int, dim: int) -> None:
        super().__init__()
        self.compress = nn.Linear(sentence_dim, dim)

    def forward(self, sentence: Float[Tensor, "batch sentence"]) -> Float[Tensor, "batch dim"]:
        compressed = self.compress(F.layer_norm(sentence, sentence.shape[1:]))
        return F.layer_norm(compressed, compressed.shape[1:])
