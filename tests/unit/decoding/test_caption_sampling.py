import pytest
import torch

from diptych.decoding import greedy, sample
from diptych.decoding.sampling import nucleus
from diptych.types import EOS_ID, PAD_ID

PROBABILITIES = torch.tensor([[0.0, 0.0, 0.1, 0.5, 0.25, 0.15]])
DRAWS = 20_000


def one_word(tokens, state):
    """Every row the same word distribution; after one word the caption is over."""
    return PROBABILITIES.log().expand(len(tokens), -1), state


def drawn(**settings) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    words = sample(one_word, torch.zeros(DRAWS), max_length=1, rng=rng, **settings).tokens[:, 0]
    return torch.bincount(words, minlength=6) / DRAWS


def test_words_are_drawn_as_often_as_the_model_says():
    torch.testing.assert_close(drawn(), PROBABILITIES[0], atol=0.015, rtol=0)


def test_a_temperature_sharpens_the_distribution():
    expected = (PROBABILITIES[0].log() / 0.5).softmax(-1)
    torch.testing.assert_close(drawn(temperature=0.5), expected, atol=0.015, rtol=0)


def test_a_nucleus_holds_the_fewest_words_with_that_probability():
    assert nucleus(PROBABILITIES, 0.7)[0].nonzero().flatten().tolist() == [3, 4]
    assert nucleus(PROBABILITIES, 0.76)[0].nonzero().flatten().tolist() == [3, 4, 5]
    assert nucleus(PROBABILITIES, 1e-9)[0].nonzero().flatten().tolist() == [3]
    assert drawn(top_p=0.7).nonzero().flatten().tolist() == [3, 4]


def test_a_tiny_nucleus_is_greedy_search():
    model_logits = torch.randn(50, 8)

    def step(tokens, state):
        return model_logits[(state + tokens) % 50], state + 1

    start = torch.arange(6)
    narrow = sample(step, start, max_length=5, rng=torch.Generator().manual_seed(0), top_p=1e-6)
    assert torch.equal(narrow.tokens, greedy(step, start, max_length=5).tokens)


def test_the_same_generator_draws_the_same_captions():
    first, second = (
        sample(one_word, torch.zeros(50), max_length=6, rng=torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert torch.equal(first.tokens, second.tokens)


def test_log_probabilities_are_the_models_own_and_stop_with_the_caption():
    rng = torch.Generator().manual_seed(0)
    found = sample(one_word, torch.zeros(40), max_length=4, rng=rng, temperature=2.0, top_p=0.95)
    for row, log_prob in zip(found.tokens.tolist(), found.log_prob.tolist(), strict=True):
        caption = row[: row.index(EOS_ID) + 1] if EOS_ID in row else row
        assert set(row[len(caption) :]) <= {PAD_ID}
        assert log_prob == pytest.approx(PROBABILITIES[0, caption].log().sum().item(), abs=1e-4)


@pytest.mark.parametrize("settings", [{"temperature": 0.0}, {"top_p": 0.0}, {"top_p": 1.5}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValueError, match="must be above 0"):
        sample(one_word, torch.zeros(1), max_length=1, rng=torch.Generator(), **settings)
