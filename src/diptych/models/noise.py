"""Noise on pictures during training, so that networks do not rely on single pixels."""

import torch
from torch import nn

from diptych.types import Images


class PixelNoise(nn.Module):
    """Gaussian noise of standard deviation `std` in training mode, none otherwise; pictures are in [-1, 1].

    With `varies`, each picture has its own deviation, uniform in [0, `std`], so that training also contains clean
    pictures. In front of a discriminator it is instance noise (Sønderby et al. 2017, arXiv:1610.04490); in front of a
    classifier it makes the gradients of the pixels resemble the objects.
    """

    def __init__(self, std: float = 0.0, varies: bool = False) -> None:
        super().__init__()
        self.std, self.varies = std, varies

    def forward(self, images: Images) -> Images:
        if not self.training or not self.std:
            return images
        strength = torch.rand(len(images), 1, 1, 1, device=images.device) if self.varies else 1.0
        return images + self.std * strength * torch.randn_like(images)
