"""Gumbel-softmax: samples of the distribution, a gradient that is one, and its straight-through form."""

import pytest
import torch
from torch.autograd import gradcheck

from diptych.losses.gumbel import gumbel_noise, relaxed_words, straight_through

WORDS = 5


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


def test_the_largest_sum_of_log_probability_and_noise_is_a_sample(rng):
    logits = torch.randn(WORDS, generator=rng, dtype=torch.float64)
    noise = gumbel_noise(torch.rand(200_000, WORDS, generator=rng, dtype=torch.float64))
    drawn = torch.bincount((logits.log_softmax(0) + noise).argmax(1), minlength=WORDS) / len(noise)
    torch.testing.assert_close(drawn.double(), logits.softmax(0), rtol=0, atol=0.005)


def test_noise_is_finite_at_both_ends():
    assert gumbel_noise(torch.tensor([0.0, 1 - 2**-24])).isfinite().all()


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_the_relaxed_gradient_is_that_of_finite_differences(rng, temperature):
    logits = torch.randn(3, WORDS, generator=rng, dtype=torch.float64, requires_grad=True)
    noise = gumbel_noise(torch.rand(3, WORDS, generator=rng, dtype=torch.float64))
    assert gradcheck(lambda values: relaxed_words(values, noise, temperature), logits)


def test_straight_through_reads_the_very_word_and_has_the_relaxed_gradient(rng):
    logits = torch.randn(4, 2, WORDS, generator=rng, dtype=torch.float64, requires_grad=True)
    noise = gumbel_noise(torch.rand(4, 2, WORDS, generator=rng, dtype=torch.float64))
    relaxed = relaxed_words(logits, noise, 0.5)
    tokens = (logits + noise).argmax(-1)
    hard = straight_through(relaxed, tokens)
    torch.testing.assert_close(hard.detach(), torch.nn.functional.one_hot(tokens, WORDS).double())
    upstream = torch.randn(hard.shape, generator=rng, dtype=torch.float64)
    (through,) = torch.autograd.grad(hard, logits, upstream, retain_graph=True)
    (soft,) = torch.autograd.grad(relaxed, logits, upstream)
    torch.testing.assert_close(through, soft, rtol=0, atol=0)


def test_a_low_temperature_takes_the_sample_and_words_of_no_probability_stay_out(rng):
    logits = torch.randn(6, WORDS, generator=rng, dtype=torch.float64).index_fill(1, torch.tensor([0]), -torch.inf)
    logits.requires_grad_()
    noise = gumbel_noise(torch.rand(6, WORDS, generator=rng, dtype=torch.float64))
    relaxed = relaxed_words(logits, noise, 1e-3)
    assert torch.equal(relaxed.argmax(-1), (logits + noise).argmax(-1))
    assert not relaxed[:, 0].any()
    (gradient,) = torch.autograd.grad(relaxed.square().sum(), logits)
    assert gradient.isfinite().all()
