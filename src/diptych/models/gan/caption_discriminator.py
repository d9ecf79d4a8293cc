"""A conditional discriminator of captions: is a sentence of this image, and by a person.

Dai et al. 2017 (arXiv:1703.06029): the score is the dot product of an image's embedding and a sentence's. Ours reads
sentences with a GRU, and its state at the last real token is the sentence: what stands after it changes nothing.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from diptych.models.caption_decoders import repeat_rows


class CaptionDiscriminator(nn.Module):
    """Logits of pairs of an image and a sentence. A row is a sentence; k rows of an image stand side by side.

    `mask` is True on a sentence's tokens up to its <eos>, which is one of them; there is no <bos>. A sentence is given
    as tokens (`forward`), or as a distribution over the vocabulary at each place (`of_relaxed`).
    """

    def __init__(
        self, *, vocabulary_size: int, image_dim: int, embedding_dim: int = 128, hidden_dim: int = 256
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding_dim)
        self.sentence = nn.GRU(embedding_dim, hidden_dim, batch_first=True)
        self.image = nn.Sequential(nn.Linear(image_dim, hidden_dim), nn.GELU(), nn.Linear(hidden_dim, hidden_dim))

    def forward(
        self,
        pooled: Float[Tensor, "images dim"],
        tokens: Int[Tensor, "rows length"],
        mask: Bool[Tensor, "rows length"],
    ) -> Float[Tensor, " rows"]:
        return self._scored(pooled, self.embedding(tokens), mask)

    def of_relaxed(
        self,
        pooled: Float[Tensor, "images dim"],
        words: Float[Tensor, "rows length vocabulary"],
        mask: Bool[Tensor, "rows length"],
    ) -> Float[Tensor, " rows"]:
        """Of sentences whose words are distributions; for one-hot ones the same as `forward`."""
        return self._scored(pooled, words.to(self.embedding.weight.dtype) @ self.embedding.weight, mask)

    def _scored(self, pooled: Tensor, embedded: Tensor, mask: Tensor) -> Float[Tensor, " rows"]:
        states, _ = self.sentence(embedded)
        last = mask.sum(dim=1).clamp(min=1) - 1
        sentences = states[torch.arange(len(states), device=states.device), last]
        images = repeat_rows(self.image(pooled), len(sentences))
        return (images * sentences).sum(dim=1)
