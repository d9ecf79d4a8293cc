"""From an image encoder's features to one logit per label."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diptych.types import ImageFeatures


class LabelHead(nn.Module):
    """A logit from the pooled vector, plus the log of the mean odds over regions.

    The mean over regions is the soft "or" of multiple-instance learning (Pinheiro & Collobert 2015, arXiv:1411.6228):
    an object in one region is enough, and attributes in one place stay together. The initial bias makes every label as
    unlikely as one class among all.
    """

    def __init__(self, *, image_dim: int, region_dim: int, num_labels: int) -> None:
        super().__init__()
        self.from_pooled, self.from_regions = nn.Linear(image_dim, num_labels), nn.Linear(region_dim, num_labels)
        nn.init.constant_(self.from_pooled.bias, -math.log(num_labels))

    def forward(self, features: ImageFeatures) -> Float[Tensor, "batch labels"]:
        log_odds = torch.logsumexp(self.from_regions(features.regions), dim=1) - math.log(features.regions.shape[1])
        return self.from_pooled(features.pooled) + log_odds

    def evidence(self, features: ImageFeatures) -> Float[Tensor, "batch labels regions"]:
        """Each region's share of the odds that the regions give a label; the shares of a label sum to one."""
        return self.from_regions(features.regions).softmax(dim=1).transpose(1, 2)
