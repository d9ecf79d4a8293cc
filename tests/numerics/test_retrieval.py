"""R-precision: closed forms."""

import pytest
import torch

from diptych.metrics.retrieval import r_precision

RNG = torch.Generator().manual_seed(0)


def test_the_own_sentence_ranked_first_is_a_hit_and_no_other_rank_is():
    log_probs = torch.eye(5)
    assert r_precision(log_probs).tolist() == [1] * 5
    assert r_precision(log_probs.roll(1, 0)).tolist() == [0] * 5


def test_equally_good_sentences_share_the_hit():
    assert r_precision(torch.zeros(4, 4)).tolist() == [0.25] * 4


def test_what_a_sentence_costs_for_all_images_does_not_count():
    log_probs = torch.randn(6, 6, generator=RNG)
    shifted = log_probs + 10 * torch.randn(6, generator=RNG)
    assert torch.equal(r_precision(log_probs), r_precision(shifted))


def test_chance_is_one_in_n():
    hits = [r_precision(torch.randn(20, 20, generator=RNG)).mean() for _ in range(200)]
    assert float(torch.stack(hits).mean()) == pytest.approx(1 / 20, abs=0.01)


def test_sentences_that_are_true_of_the_image_too_are_left_out():
    log_probs = torch.tensor([[0.0, 9.0, -1.0], [0.0, 9.0, -1.0], [0.0, 0.0, 5.0]])
    everything = torch.ones(3, 3, dtype=torch.bool)
    without = everything.clone()
    without[0, 1] = False
    assert r_precision(log_probs, everything).tolist() == r_precision(log_probs).tolist()
    assert r_precision(log_probs)[0] == 0
    assert r_precision(log_probs, without)[0] == 1
    assert r_precision(log_probs, torch.zeros(3, 3, dtype=torch.bool)).tolist() == [1, 1, 1]
