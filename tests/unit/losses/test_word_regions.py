"""DAMSM's score against a plain loop over equations 7 to 10, and its laws."""

import math

import pytest
import torch
from torch import Tensor

from diptych.losses.contrastive import matching_loss
from diptych.losses.word_regions import word_region_scores

IMAGES, TEXTS, REGIONS, LENGTH, DIM = 3, 4, 6, 5, 7
GAMMAS = {"gamma1": 4.0, "gamma2": 5.0}


def pairs(dtype=torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    regions, words = torch.randn(IMAGES, REGIONS, DIM, dtype=dtype), torch.randn(TEXTS, LENGTH, DIM, dtype=dtype)
    mask = torch.arange(LENGTH) < torch.tensor([5, 3, 1, 4])[:, None]
    return regions, words, mask


def plain_score(regions: list[list[float]], words: list[list[float]], gamma1: float, gamma2: float) -> float:
    """Equations 7 to 10 of Xu et al. 2018, word for word."""
    s = [[sum(a * b for a, b in zip(word, region, strict=True)) for region in regions] for word in words]
    normalised = [
        [math.exp(s[i][j]) / sum(math.exp(row[j]) for row in s) for j in range(len(regions))] for i in range(len(words))
    ]
    total = 0.0
    for word, row in zip(words, normalised, strict=True):
        weights = [math.exp(gamma1 * value) for value in row]
        shares = [weight / sum(weights) for weight in weights]
        context = [
            sum(share * region[d] for share, region in zip(shares, regions, strict=True)) for d in range(len(word))
        ]
        inner = sum(a * b for a, b in zip(context, word, strict=True))
        relevance = inner / (math.dist(context, [0] * len(word)) * math.dist(word, [0] * len(word)))
        total += math.exp(gamma2 * relevance)
    return math.log(total) / gamma2


def test_every_score_is_that_of_the_plain_loop():
    regions, words, mask = pairs()
    scores = word_region_scores(regions, words, mask, **GAMMAS)
    for i in range(IMAGES):
        for j in range(TEXTS):
            expected = plain_score(regions[i].tolist(), words[j][mask[j]].tolist(), **GAMMAS)
            assert float(scores[i, j]) == pytest.approx(expected, rel=1e-10)


def test_padding_never_changes_a_score():
    regions, words, mask = pairs()
    noisy = torch.where(mask[..., None], words, 100 * torch.randn_like(words))
    torch.testing.assert_close(
        word_region_scores(regions, noisy, mask, **GAMMAS), word_region_scores(regions, words, mask, **GAMMAS)
    )


def test_the_order_of_regions_and_of_words_does_not_matter():
    regions, words, _ = pairs()
    mask = torch.ones(TEXTS, LENGTH, dtype=torch.bool)
    torch.testing.assert_close(
        word_region_scores(regions.flip(1), words.flip(1), mask, **GAMMAS),
        word_region_scores(regions, words, mask, **GAMMAS),
    )


def test_one_word_and_one_region_have_their_cosine():
    regions, words, _ = pairs()
    scores = word_region_scores(regions[:, :1], words[:, :1], torch.ones(TEXTS, 1, dtype=torch.bool), **GAMMAS)
    torch.testing.assert_close(scores, torch.cosine_similarity(regions[:, None, 0], words[None, :, 0], dim=2))


def test_gradients_are_those_of_finite_differences():
    regions, words, mask = pairs()
    compatible = torch.zeros(IMAGES, IMAGES, dtype=torch.bool)
    compatible[0, 2] = True

    def loss(regions: Tensor, words: Tensor) -> Tensor:
        return matching_loss(10 * word_region_scores(regions, words, mask[:IMAGES], **GAMMAS), compatible)

    inputs = (regions.requires_grad_(), words[:IMAGES].requires_grad_())
    assert torch.autograd.gradcheck(loss, inputs)


def test_vectors_of_zeros_have_no_direction_and_send_no_nan_backwards():
    regions, words = torch.zeros(2, 3, 4, requires_grad=True), torch.zeros(2, 2, 4, requires_grad=True)
    scores = word_region_scores(regions, words, torch.ones(2, 2, dtype=torch.bool), **GAMMAS)
    assert scores.tolist() == [[pytest.approx(math.log(2) / 5)] * 2] * 2
    scores.sum().backward()
    assert regions.grad is not None
    assert words.grad is not None
    assert regions.grad.isfinite().all()
    assert words.grad.isfinite().all()


def test_autocast_does_not_round_scores():
    regions, words, mask = pairs(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = word_region_scores(regions, words, mask, **GAMMAS)
    assert torch.equal(rounded, word_region_scores(regions, words, mask, **GAMMAS))


def test_a_matching_pair_costs_its_closed_form():
    """Own scores 1, others 0: log(1 + (n - 1) exp(-1)), in both directions."""
    assert matching_loss(torch.eye(4)).tolist() == pytest.approx([math.log(1 + 3 * math.exp(-1))] * 4)
