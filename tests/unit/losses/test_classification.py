import math

import pytest
import torch
from torch.nn import functional as F

from diptych.losses.classification import class_nll, label_nll


def test_a_label_of_probability_one_half_loses_log_two():
    labels = torch.tensor([[True, False, True]])
    assert float(label_nll(torch.zeros(1, 3), labels)) == pytest.approx(3 * math.log(2))


def test_the_loss_of_an_image_is_the_sum_over_its_labels():
    probs = torch.tensor([[0.9, 0.2], [0.5, 0.1]])
    labels = torch.tensor([[True, False], [False, True]])
    expected = [-math.log(0.9) - math.log(0.8), -math.log(0.5) - math.log(0.1)]
    assert label_nll(probs.logit(), labels).tolist() == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_a_class_is_the_cross_entropy_of_its_index():
    logits, classes = torch.randn(5, 4), torch.tensor([0, 3, 1, 1, 2])
    labels = F.one_hot(classes, 4).bool()
    torch.testing.assert_close(class_nll(logits, labels), F.cross_entropy(logits, classes, reduction="none"))
