"""How a caption's latents are distributed given its image alone, p(z | y).

A prior also says how wide the decoder's image vector becomes with the latents beside it: it `publishes` that width as
`image_dim`, so that every caption decoder is built for it.
"""

from typing import ClassVar

import torch
from torch import nn

from diptych.models.caption_decoders import repeat_rows
from diptych.models.latent_encoders import LOG_VARIANCES, Posterior
from diptych.types import ImageFeatures


class CaptionPrior(nn.Module):
    """Base class: `forward(features)` gives a Gaussian for each image."""

    publishes: ClassVar[dict[str, str]] = {"image_dim": "conditioned_dim"}

    def __init__(self, *, image_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim, self.conditioned_dim = latent_dim, image_dim + latent_dim

    def forward(self, features: ImageFeatures) -> Posterior:
        """Mean and log-variance of every latent, for each image."""
        raise NotImplementedError


class StandardNormalPrior(CaptionPrior):
    """N(0, 1) whatever the image (Sohn et al. 2015 name it the Gaussian prior); it has no weights."""

    def forward(self, features: ImageFeatures) -> Posterior:
        zeros = features.pooled.new_zeros(len(features.pooled), self.latent_dim)
        return Posterior(zeros, zeros)


class ImagePrior(CaptionPrior):
    """A Gaussian that a hidden layer reads from the pooled image vector; it begins as N(0, 1).

    The conditional prior of Sohn et al. 2015 ("Learning Structured Output Representation"); Wang et al. 2017
    (arXiv:1711.07068) read its mean from detected objects, here the network finds it.
    """

    def __init__(self, *, image_dim: int, latent_dim: int, hidden_dim: int = 128) -> None:
        super().__init__(image_dim=image_dim, latent_dim=latent_dim)
        self.hidden = nn.Sequential(nn.Linear(image_dim, hidden_dim), nn.SiLU())
        self.gaussian = nn.Linear(hidden_dim, 2 * latent_dim)
        nn.init.zeros_(self.gaussian.weight)
        nn.init.zeros_(self.gaussian.bias)

    def forward(self, features: ImageFeatures) -> Posterior:
        mean, log_variance = self.gaussian(self.hidden(features.pooled)).chunk(2, dim=1)
        return Posterior(mean, log_variance.clamp(*LOG_VARIANCES))


def with_latents(features: ImageFeatures, latents: torch.Tensor) -> ImageFeatures:
    """The features with latents beside the pooled vector, a row for each of the latents'."""
    pooled, regions = (repeat_rows(part, len(latents)) for part in features)
    return ImageFeatures(torch.cat([pooled, latents.to(pooled)], dim=1), regions)
