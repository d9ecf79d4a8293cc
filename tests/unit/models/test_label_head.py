import math

import torch

from diptych.models.label_head import LabelHead
from diptych.types import ImageFeatures


def reader(num_labels: int = 3) -> LabelHead:
    return LabelHead(image_dim=4, region_dim=5, num_labels=num_labels)


def test_a_label_is_the_whole_s_evidence_and_the_log_of_the_mean_odds_of_regions():
    read, features = reader(), ImageFeatures(torch.randn(2, 4), torch.randn(2, 6, 5))
    odds = read.somewhere(features.regions).exp().mean(dim=1).log()
    torch.testing.assert_close(read(features), read.whole(features.pooled) + odds)


def test_one_sure_region_is_enough_wherever_it_is():
    read = reader()
    torch.nn.init.zeros_(read.whole.weight)
    regions = torch.zeros(6, 6, 5)
    regions[torch.arange(6), torch.arange(6)] = 30 * read.somewhere.weight[1].detach() / read.somewhere.weight[1].norm()
    logits = read(ImageFeatures(torch.zeros(6, 4), regions))
    assert (logits[:, 1] > 0).all()
    torch.testing.assert_close(logits, logits[:1].expand(6, -1))


def test_at_first_every_label_is_as_unlikely_as_one_of_all():
    read = reader(100)
    logits = read(ImageFeatures(torch.zeros(1, 4), torch.zeros(1, 6, 5)))
    torch.testing.assert_close(logits, (-math.log(100) + read.somewhere.bias)[None])
