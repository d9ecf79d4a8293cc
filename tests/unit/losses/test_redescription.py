import math

import pytest
import torch

from diptych.losses.redescription import sentence_nll
from diptych.types import PAD_ID

TARGETS = torch.tensor([[5, 6, 2], [7, 2, PAD_ID]])


def test_a_captioner_that_knows_nothing_costs_the_logarithm_of_the_vocabulary_per_token():
    assert sentence_nll(torch.zeros(2, 3, 11), TARGETS).tolist() == pytest.approx([math.log(11)] * 2)


def test_a_captioner_that_is_sure_and_right_costs_nothing():
    logits = 1e3 * torch.nn.functional.one_hot(TARGETS, 11).float()
    assert sentence_nll(logits, TARGETS).tolist() == pytest.approx([0.0, 0.0])


def test_padding_never_changes_the_loss():
    logits = torch.randn(2, 3, 11)
    longer = torch.cat([logits, torch.randn(2, 4, 11)], dim=1)
    padded = torch.cat([TARGETS, torch.full((2, 4), PAD_ID)], dim=1)
    torch.testing.assert_close(sentence_nll(longer, padded), sentence_nll(logits, TARGETS))


def test_the_loss_is_the_mean_over_real_words_of_minus_log_probability():
    logits = torch.randn(2, 3, 11)
    log_probs = logits.log_softmax(-1)
    by_hand = -(log_probs[1, 0, 7] + log_probs[1, 1, 2]) / 2
    torch.testing.assert_close(sentence_nll(logits, TARGETS)[1], by_hand)


def test_a_sentence_of_padding_alone_costs_nothing():
    assert sentence_nll(torch.randn(1, 3, 11), torch.full((1, 3), PAD_ID)).tolist() == [0.0]
