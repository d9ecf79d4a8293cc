import math

import torch

from diptych.models.label_head import LabelHead
from diptych.types import ImageFeatures


def make_head(num_labels: int = 3) -> LabelHead:
    return LabelHead(image_dim=4, region_dim=5, num_labels=num_labels)


def test_a_logit_is_the_pooled_vector_s_plus_the_log_of_the_mean_odds_of_regions():
    head, features = make_head(), ImageFeatures(torch.randn(2, 4), torch.randn(2, 6, 5))
    odds = head.from_regions(features.regions).exp().mean(dim=1).log()
    torch.testing.assert_close(head(features), head.from_pooled(features.pooled) + odds)


def test_one_sure_region_is_enough_wherever_it_is():
    head = make_head()
    torch.nn.init.zeros_(head.from_pooled.weight)
    regions, weight = torch.zeros(6, 6, 5), head.from_regions.weight[1].detach()
    regions[torch.arange(6), torch.arange(6)] = 30 * weight / weight.norm()
    logits = head(ImageFeatures(torch.zeros(6, 4), regions))
    assert (logits[:, 1] > 0).all()
    torch.testing.assert_close(logits, logits[:1].expand(6, -1))


def test_at_first_every_label_is_as_unlikely_as_one_of_all():
    head = make_head(100)
    logits = head(ImageFeatures(torch.zeros(1, 4), torch.zeros(1, 6, 5)))
    torch.testing.assert_close(logits, (-math.log(100) + head.from_regions.bias)[None])
