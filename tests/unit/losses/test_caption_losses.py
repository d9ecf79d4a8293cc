import math

import pytest
import torch

from diptych.losses.captioning import caption_nll, doubly_stochastic_penalty, token_nll
from diptych.types import EOS_ID, PAD_ID

VOCABULARY = 7


@pytest.fixture
def logits():
    return torch.randn(2, 5, VOCABULARY)


TARGETS = torch.tensor([[4, 5, EOS_ID, PAD_ID, PAD_ID], [6, 4, 5, 4, EOS_ID]])


def test_the_loss_of_a_token_is_minus_its_log_probability(logits):
    nll = token_nll(logits, TARGETS)
    assert nll[1, 3] == pytest.approx(-logits[1, 3].log_softmax(-1)[4].item())


def test_the_end_of_a_caption_is_learned_and_its_padding_is_not(logits):
    nll = token_nll(logits.requires_grad_(), TARGETS)
    assert nll[0, 2] > 0
    assert nll[0, 3:].tolist() == [0, 0]
    nll.sum().backward()
    assert logits.grad[0, 2].any()
    assert not logits.grad[0, 3:].any()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_padding_never_changes_a_captions_loss(logits, smoothing):
    longer = torch.cat([logits, torch.randn(2, 3, VOCABULARY)], dim=1)
    padded = torch.nn.functional.pad(TARGETS, (0, 3), value=PAD_ID)
    expected = caption_nll(logits, TARGETS, smoothing)
    torch.testing.assert_close(caption_nll(longer, padded, smoothing), expected)


def test_the_loss_of_a_caption_is_the_mean_of_its_real_tokens(logits):
    nll = token_nll(logits, TARGETS)
    torch.testing.assert_close(caption_nll(logits, TARGETS), torch.stack([nll[0, :3].mean(), nll[1].mean()]))


def test_a_row_without_a_caption_has_no_loss(logits):
    assert caption_nll(logits, torch.full_like(TARGETS, PAD_ID)).tolist() == [0, 0]


def test_a_uniform_guess_loses_the_log_of_the_vocabulary_size_whatever_the_smoothing():
    uniform = torch.zeros(2, 5, VOCABULARY)
    for smoothing in (0.0, 0.3):
        torch.testing.assert_close(caption_nll(uniform, TARGETS, smoothing), torch.full((2,), math.log(VOCABULARY)))


def test_smoothing_mixes_in_the_mean_over_the_vocabulary(logits):
    spread = -logits.log_softmax(-1).mean(-1)
    expected = 0.8 * token_nll(logits, TARGETS) + 0.2 * spread * (TARGETS != PAD_ID)
    torch.testing.assert_close(token_nll(logits, TARGETS, 0.2), expected)


def test_attention_that_gives_every_region_one_word_is_not_penalised():
    one_each = torch.eye(4).unsqueeze(0)
    assert doubly_stochastic_penalty(one_each, torch.ones(1, 4, dtype=torch.bool)).tolist() == [0]


def test_attention_at_padding_does_not_count():
    attention = torch.rand(2, 6, 3).softmax(-1)
    mask = torch.tensor([[1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0]]).bool()
    expected = [(1 - attention[i, :n].sum(0)).square().mean() for i, n in enumerate((2, 4))]
    torch.testing.assert_close(doubly_stochastic_penalty(attention, mask), torch.stack(expected))
