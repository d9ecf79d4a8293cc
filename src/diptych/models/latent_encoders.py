"""From a picture back to the latents it could have been generated from.

The encoder of a variational autoencoder (Kingma & Welling 2014, arXiv:1312.6114) beside a generator, conditional on
the sentence: what the sentence says, the generator knows anyway, so the latents only have to hold the rest.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.frozen_backbone import FrozenBackbone
from diptych.models.group_norm import group_norm
from diptych.types import Images, TextFeatures

LOG_VARIANCES = (-10.0, 2.0)
"""Bounds of what an encoder may say, so that no posterior is infinitely sure."""

Latents = Float[Tensor, "batch latent"]


class Posterior(NamedTuple):
    """A Gaussian with a diagonal covariance over the latents of each picture."""

    mean: Latents
    log_variance: Latents

    def sample(self, noise: Latents) -> Latents:
        """Standard normal noise to latents, differentiable in mean and variance."""
        return self.mean + noise * (0.5 * self.log_variance).exp()


class BackboneLatentEncoder(nn.Module):
    """Looks at a frozen image encoder's grid of `image_size / 4` pixels, and at the sentence where there is one.

    `backbone_dim` is the number of channels of that grid, `width` to how many they are reduced before places are
    flattened.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        image_size: int = 32,
        condition_dim: int = 0,
        backbone_dim: int = 64,
        width: int = 16,
        hidden_dim: int = 256,
    ) -> None:
        super().__init__()
        self.backbone = FrozenBackbone(
            {4: backbone_dim}, owner="latent_encoder=backbone", setting="latent_encoder.backbone_dim"
        )
        self.reduce = nn.Conv2d(backbone_dim, width, 1)
        self.body = nn.Sequential(
            nn.Linear(width * (image_size // 4) ** 2 + condition_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, 2 * latent_dim),
        )
        nn.init.constant_(self.body[-1].bias[latent_dim:], -2.0)  # pyright: ignore[reportArgumentType, reportIndexIssue]

    def set_backbone(self, backbone: nn.Module) -> None:
        """Look through this frozen image encoder; it has `grids(images)`, fine to coarse."""
        self.backbone.set_backbone(backbone)

    def forward(self, images: Images, text: TextFeatures | None = None) -> Posterior:
        (grid,) = self.backbone(images)
        seen = self.reduce(grid).flatten(1)
        mean, log_variance = self.body(seen if text is None else torch.cat([seen, text.sentence], dim=1)).chunk(
            2, dim=1
        )
        return Posterior(mean, log_variance.clamp(*LOG_VARIANCES))


class ConvLatentEncoder(nn.Module):
    """A convolutional network of its own, and the sentence where there is one; each of `widths` has half the size.

    Last, places are flattened and pass a hidden layer of `hidden_dim`.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int = 0,
        widths: Sequence[int] = (32, 64, 128),
        hidden_dim: int = 256,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for ins, outs in pairwise((image_channels, *widths)):
            layers += [nn.Conv2d(ins, outs, 3, 2, 1), group_norm(outs), nn.SiLU()]
        self.body = nn.Sequential(*layers, nn.Flatten())
        side = image_size
        for _ in widths:
            side = (side + 1) // 2
        self.head = nn.Sequential(
            nn.Linear(widths[-1] * side**2 + condition_dim, hidden_dim),
            nn.SiLU(),
            nn.Linear(hidden_dim, 2 * latent_dim),
        )
        nn.init.constant_(self.head[-1].bias[latent_dim:], -2.0)  # pyright: ignore[reportArgumentType, reportIndexIssue]

    def forward(self, images: Images, text: TextFeatures | None = None) -> Posterior:
        seen = self.body(images)
        told = seen if text is None else torch.cat([seen, F.layer_norm(text.sentence, text.sentence.shape[1:])], dim=1)
        mean, log_variance = self.head(told).chunk(2, dim=1)
        return Posterior(mean, log_variance.clamp(*LOG_VARIANCES))
