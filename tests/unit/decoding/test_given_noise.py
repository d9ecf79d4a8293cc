"""Captions from numbers that are given: the model's distribution, and each image by itself."""

import torch

from diptych.decoding.drawing import drawn_place
from diptych.decoding.given_noise import sample_by_gumbel, sample_by_uniform
from diptych.losses.gumbel import gumbel_noise
from diptych.types import BOS_ID, EOS_ID, PAD_ID

WORDS, LENGTH = 7, 5
TABLE = torch.randn(WORDS, WORDS, generator=torch.Generator().manual_seed(3))


def step(tokens, state):
    """A table of what follows each word, beside a state that counts."""
    return TABLE[tokens] + state, state


def uniform(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_words_are_drawn_as_often_as_they_are_likely():
    log_probs = torch.tensor([0.1, 0.0, 0.6, 0.3]).log()
    numbers = (torch.arange(10_000) + 0.5) / 10_000
    drawn = torch.bincount(drawn_place(log_probs.exp().expand(10_000, -1), numbers), minlength=4)
    assert drawn.tolist() == [1000, 0, 6000, 3000]


def test_a_word_of_no_probability_is_never_drawn():
    log_probs = torch.tensor([[-torch.inf, 0.0, -torch.inf]]).expand(3, -1)
    assert drawn_place(log_probs.exp(), torch.tensor([0.0, 0.5, 1 - 2**-24])).tolist() == [1, 1, 1]


def test_both_samplers_follow_the_model_s_distribution():
    number, state = 20_000, torch.zeros(20_000, 1)
    by_uniform = sample_by_uniform(step, state, max_length=2, uniform=uniform(number, 2))
    by_gumbel = sample_by_gumbel(step, state, max_length=2, noise=gumbel_noise(uniform(number, 2, WORDS)))
    first = TABLE[BOS_ID].index_fill(0, torch.tensor([PAD_ID, BOS_ID]), -torch.inf).softmax(0)
    for sampled in (by_uniform, by_gumbel):
        drawn = torch.bincount(sampled.tokens[:, 0], minlength=WORDS) / number
        torch.testing.assert_close(drawn[4:], first[4:] * (drawn[4:].sum() / first[4:].sum()), rtol=0, atol=0.01)
        assert drawn[PAD_ID] == drawn[BOS_ID] == 0


def test_a_caption_depends_on_its_own_numbers_alone():
    numbers = uniform(12, LENGTH)
    together = sample_by_uniform(step, torch.zeros(12, 1), max_length=LENGTH, uniform=numbers)
    for row in range(12):
        alone = sample_by_uniform(step, torch.zeros(1, 1), max_length=LENGTH, uniform=numbers[row : row + 1])
        length = alone.tokens.shape[1]
        assert torch.equal(together.tokens[row, :length], alone.tokens[0])
        assert not together.tokens[row, length:].any()


def test_nothing_follows_the_end():
    sampled = sample_by_uniform(step, torch.zeros(64, 1), max_length=LENGTH, uniform=uniform(64, LENGTH))
    ended = (sampled.tokens == EOS_ID).cumsum(1)
    assert ((sampled.tokens == PAD_ID) == ((ended - (sampled.tokens == EOS_ID).int()) > 0)).all()
