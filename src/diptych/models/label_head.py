"""From an image encoder's features to a logit a label."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diptych.types import ImageFeatures


class LabelHead(nn.Module):
    """Evidence in the picture as a whole, plus evidence somewhere in it: the log of the mean odds over regions.

    The mean over regions is the soft "or" of multiple-instance learning (Pinheiro & Collobert 2015, arXiv:1411.6228):
    a thing in one region is there, and what belongs together in one place stays together. At first every label is as
    unlikely as one of all of them.
    """

    def __init__(self, *, image_dim: int, region_dim: int, num_labels: int) -> None:
        super().__init__()
        self.whole, self.somewhere = nn.Linear(image_dim, num_labels), nn.Linear(region_dim, num_labels)
        nn.init.constant_(self.whole.bias, -math.log(num_labels))

    def forward(self, features: ImageFeatures) -> Float[Tensor, "batch labels"]:
        odds = torch.logsumexp(self.somewhere(features.regions), dim=1) - math.log(features.regions.shape[1])
        return self.whole(features.pooled) + odds
