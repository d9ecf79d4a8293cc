"""A discriminator that looks with a frozen image encoder's backbone.

Projected GANs (Sauer et al. 2021, arXiv:2111.01007): light heads on the feature maps of a network that already knows
what there is to see learn from far fewer images than a discriminator that has to learn to see first. Here the network
is the captioner of the re-description loss. Beside the heads, a small critic of the pixels themselves, patch by patch
(Isola et al. 2017, arXiv:1611.07004), sees what the captioner was never asked to look at.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.frozen_backbone import FrozenBackbone
from diptych.models.gan.spectral import normalize_spectrally
from diptych.models.noise import PixelNoise
from diptych.types import Images, Logits, TextFeatures

SLOPE = 0.2

Features = Float[Tensor, "batch features"]


class Seen(NamedTuple):
    """What `encode` found: the whole picture's features, their sum over places, and how real each patch looks."""

    whole: Features
    summed: Float[Tensor, "batch width"]
    patches: Float[Tensor, "batch patches"]


class ProjectedDiscriminator(nn.Module):
    """Heads of `width` channels on the backbone's grids of `image_size` / 2, / 4, / 8 pixels, and a critic of pixels.

    In training it looks through `backbone_noise`, a standard deviation in pixels' units. A logit is a score for real
    plus, with a sentence, the inner product of picture and sentence in `joint_dim` dimensions over their root.
    """

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int = 0,
        backbone_dims: tuple[int, int, int] = (32, 64, 96),
        width: int = 64,
        joint_dim: int = 128,
        pixel_widths: tuple[int, int] = (24, 32),
        backbone_noise: float = 0.0,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        if image_size % 8:
            raise ValueError(f"discriminator=projected halves images 3 times: {image_size} px is not a multiple of 8")
        fine, middle, coarse = backbone_dims
        self.backbone = FrozenBackbone(
            {2: fine, 4: middle, 8: coarse}, owner="discriminator=projected", setting="discriminator.backbone_dims"
        )
        self.noise = PixelNoise(backbone_noise)
        self.fine = nn.Conv2d(fine, width, 4, 2, 1)
        self.middle = nn.Conv2d(middle + width, width, 3, 1, 1)
        self.shrink = nn.Conv2d(width, width, 4, 2, 1)
        self.coarse = nn.Conv2d(coarse + width, width, 3, 1, 1)
        num_features = width * (image_size // 8) ** 2
        self.whole_head, self.summed_head = nn.Linear(num_features, 1), nn.Linear(width, 1)
        self.patch_head = nn.Conv2d(width, 1, 1)
        self.pixels = _pixel_critic(image_channels, pixel_widths)
        if condition_dim:
            self.whole_embedding, self.summed_embedding = (
                nn.Linear(num_features, joint_dim),
                nn.Linear(width, joint_dim),
            )
            self.said = _said(condition_dim, joint_dim)
        if spectral_norm:
            normalize_spectrally(self)

    def set_backbone(self, backbone: nn.Module) -> None:
        """Look through this frozen image encoder; it has `grids(images)`, fine to coarse."""
        self.backbone.set_backbone(backbone)

    def forward(self, images: Images, text: TextFeatures | None = None) -> Logits:
        return self.score(self.encode(images), text)

    def encode(self, images: Images) -> Seen:
        """Everything that does not depend on the sentence."""
        fine, middle, coarse = self.backbone(self.noise(images))
        here = F.leaky_relu(self.middle(torch.cat([middle, F.leaky_relu(self.fine(fine), SLOPE)], dim=1)), SLOPE)
        there = F.leaky_relu(self.coarse(torch.cat([coarse, F.leaky_relu(self.shrink(here), SLOPE)], dim=1)), SLOPE)
        patches = torch.cat([self.patch_head(here).flatten(1), self.pixels(images).flatten(1)], dim=1)
        cells = there.shape[2] * there.shape[3]
        return Seen(there.flatten(1), there.sum((2, 3)) / cells**0.5, patches)

    def score(self, features: Seen, text: TextFeatures | None = None) -> Logits:
        """How real the picture is and, with a sentence, how well the two fit."""
        logits = (self.whole_head(features.whole) + self.summed_head(features.summed)).squeeze(1)
        if text is None:
            return logits
        pictures = self._joint(features)
        return logits + (pictures * self.said(text.sentence)).sum(1) / pictures.shape[1] ** 0.5

    def patch_logits(self, features: Seen) -> Float[Tensor, "batch patches"]:
        """How real each patch is, to the backbone and in pixels; no sentence says anything about a patch."""
        return features.patches

    def _joint(self, features: Seen) -> Float[Tensor, "batch joint"]:
        """The picture in the space in which it meets sentences."""
        return self.whole_embedding(features.whole) + self.summed_embedding(features.summed)


def _pixel_critic(image_channels: int, widths: tuple[int, int]) -> nn.Sequential:
    """One logit for each 4 x 4 pixels; folding 2 x 2 pixels first halves the work and loses nothing."""
    first, second = widths
    return nn.Sequential(
        nn.PixelUnshuffle(2),
        nn.Conv2d(4 * image_channels, first, 3, 1, 1),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(first, second, 4, 2, 1),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(second, 1, 3, 1, 1),
    )


def _said(condition_dim: int, joint_dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(condition_dim, 2 * joint_dim), nn.ReLU(), nn.Linear(2 * joint_dim, joint_dim))
