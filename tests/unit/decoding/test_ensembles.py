"""An ensemble says what the mean of its members' probabilities says."""

import torch
from toy_steps import LENGTH, HistoryModel, caption_of

from diptych.decoding import beam, greedy, mixture, sample
from diptych.decoding.sampling import likeliest


def test_an_ensemble_of_one_model_is_that_model():
    model = HistoryModel(0)
    both = mixture([model, HistoryModel(0)])
    alone, together = (
        beam(model, model.start, width=3, max_length=LENGTH),
        beam(both, (model.start, model.start), width=3, max_length=LENGTH),
    )
    assert torch.equal(alone.tokens, together.tokens)
    torch.testing.assert_close(alone.log_prob, together.log_prob)


def test_an_ensemble_s_log_probability_is_that_of_the_mean_probability_token_by_token():
    models = [HistoryModel(seed) for seed in range(3)]
    found = beam(mixture(models), tuple(m.start for m in models), width=4, max_length=LENGTH)
    for image, row in enumerate(found.tokens):
        rows = torch.tensor([model.token_log_probs(image, caption_of(row)) for model in models])
        torch.testing.assert_close(found.log_prob[image], rows.exp().mean(0).log().sum())


def test_the_likeliest_tokens_share_all_probability():
    probabilities = torch.tensor([[0.1, 0.5, 0.25, 0.15]])
    torch.testing.assert_close(likeliest(probabilities, 2), torch.tensor([[0.0, 2 / 3, 1 / 3, 0.0]]))
    torch.testing.assert_close(likeliest(probabilities, 9), probabilities)


def test_the_likeliest_token_alone_is_greedy_search():
    model = HistoryModel(4)
    one = sample(model, model.start, max_length=LENGTH, rng=torch.Generator().manual_seed(0), temperature=3.0, top_k=1)
    assert torch.equal(one.tokens, greedy(model, model.start, max_length=LENGTH).tokens)
