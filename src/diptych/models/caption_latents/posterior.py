"""From a caption and its image to the latents that the caption could have been decoded from.

The recognition network q(z | x, y) of a conditional variational autoencoder of captions (Wang et al. 2017,
arXiv:1711.07068). What the image says, the decoder knows anyway, so the latents only have to hold the rest: which of
the true sentences it is.
"""

from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor, nn

from diptych.models.caption_decoders import repeat_rows
from diptych.models.latent_encoders import LOG_VARIANCES, Posterior
from diptych.types import PAD_ID, ImageFeatures

FIRST_LOG_VARIANCE = -2.0
"""Latents begin surer than the prior, so that a decoder finds something in them before the divergence presses."""


class CaptionPosterior(nn.Module):
    """A GRU over the words, read at <eos>, and the pooled image vector, through one hidden layer.

    What follows a caption's last real token changes nothing. An image may have k captions, side by side.
    """

    publishes: ClassVar[dict[str, str]] = {"latent_dim": "latent_dim"}

    def __init__(
        self,
        *,
        vocabulary_size: int,
        image_dim: int,
        latent_dim: int = 16,
        embedding_dim: int = 128,
        hidden_dim: int = 128,
    ) -> None:
        super().__init__()
        if latent_dim < 1:
            raise ValueError(f"latent_encoder.latent_dim={latent_dim}: give at least one latent")
        self.latent_dim = latent_dim
        self.embedding = nn.Embedding(vocabulary_size, embedding_dim)
        self.reader = nn.GRU(embedding_dim, hidden_dim, batch_first=True)
        self.head = nn.Sequential(
            nn.Linear(hidden_dim + image_dim, hidden_dim), nn.SiLU(), nn.Linear(hidden_dim, 2 * latent_dim)
        )
        nn.init.constant_(self.head[-1].bias[latent_dim:], FIRST_LOG_VARIANCE)  # pyright: ignore[reportArgumentType, reportIndexIssue]

    def forward(self, features: ImageFeatures, tokens: Int[Tensor, "rows length"]) -> Posterior:
        """Of each caption (<bos> to <eos>, padded)."""
        read, _ = self.reader(self.embedding(tokens))
        last = (tokens != PAD_ID).sum(dim=1).clamp(min=1) - 1
        words = read[torch.arange(len(tokens), device=tokens.device), last]
        seen = repeat_rows(features.pooled, len(tokens))
        mean, log_variance = self.head(torch.cat([words, seen], dim=1)).chunk(2, dim=1)
        return Posterior(mean, log_variance.clamp(*LOG_VARIANCES))
