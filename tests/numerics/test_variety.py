"""Vendi score, Inception Score and MS-SSIM diversity: closed forms and torch-fidelity."""

import math

import pytest
import torch
from torch_fidelity.metric_isc import isc_features_to_metric

from diptych.metrics.pictures import inception_score, ms_ssim_diversity, vendi_score
from diptych.metrics.pictures.variety import num_scales


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_as_many_different_directions_as_there_are_count():
    """Length does not matter, and repetition in equal shares adds nothing."""
    directions = torch.eye(7).repeat(3, 1) * torch.rand(21, 1, generator=rng()).add(0.5)
    assert vendi_score(directions) == pytest.approx(7)
    assert vendi_score(torch.ones(20, 4)) == pytest.approx(1)


def test_unequal_shares_count_as_their_entropy():
    shares = torch.tensor([0.5, 0.25, 0.25])
    rows = torch.cat([torch.eye(3)[i].repeat(n, 1) for i, n in enumerate((20, 10, 10))])
    assert vendi_score(rows) == pytest.approx(math.exp(float(torch.special.entr(shares).sum())))


def test_two_directions_at_an_angle_have_their_known_score():
    """The similarities' eigenvalues over n are (1 + cos) / 2 and (1 - cos) / 2."""
    cosine = 0.6
    pair = torch.tensor([[1.0, 0.0], [cosine, (1 - cosine**2) ** 0.5]], dtype=torch.float64)
    shares = torch.tensor([(1 + cosine) / 2, (1 - cosine) / 2], dtype=torch.float64)
    assert vendi_score(pair) == pytest.approx(float(torch.special.entr(shares).sum().exp()))


def test_few_and_many_vectors_take_the_two_ways_to_one_number():
    features = torch.randn(30, 31, generator=rng(), dtype=torch.float64)
    padded = torch.cat([features, torch.zeros(30, 1)], dim=1)
    narrow = features[:, :29]
    assert vendi_score(features) == pytest.approx(vendi_score(padded))
    directions = torch.nn.functional.normalize(narrow, dim=1)
    shares = torch.linalg.eigvalsh(directions @ directions.T / 30).clamp(min=0)
    assert vendi_score(narrow) == pytest.approx(float(torch.special.entr(shares).sum().exp()))


@pytest.mark.parametrize("lost", [0.0, 1e-12, float("nan"), float("inf")])
def test_vectors_without_a_direction_have_no_score(lost):
    features = torch.cat([torch.eye(7), torch.full((2, 7), lost)])
    with pytest.raises(ValueError, match="2 of 9 vectors are zero or not finite"):
        vendi_score(features)
    with pytest.raises(ValueError, match="3 of 3 vectors"):
        vendi_score(torch.zeros(3, 7))


@pytest.mark.parametrize("scale", [1e-30, 1e-5, 1e30])
def test_the_scale_of_all_vectors_together_does_not_matter(scale):
    assert vendi_score(torch.eye(7) * scale) == pytest.approx(7)


def test_sure_and_even_decisions_score_the_number_of_classes():
    assert inception_score(1000 * torch.eye(10)) == pytest.approx(10)
    assert inception_score(torch.randn(1, 10, generator=rng()).expand(50, 10)) == pytest.approx(1)


@pytest.mark.parametrize("splits", [1, 10])
def test_the_inception_score_is_torch_fidelity_s(splits):
    logits = 2 * torch.randn(1000, 20, generator=rng())
    theirs = isc_features_to_metric(logits, splits=splits, shuffle=False)["inception_score_mean"]
    assert inception_score(logits, num_splits=splits) == pytest.approx(theirs, rel=1e-9)


def test_one_picture_again_and_again_has_no_diversity_and_noise_has_much():
    noise = torch.rand(40, 3, 32, 32, generator=rng()) * 2 - 1
    same = noise[:1].repeat(20, 1, 1, 1)
    none, half, much = (ms_ssim_diversity(s, rng(), num_pairs=60) for s in (same, torch.cat([same, noise[20:]]), noise))
    assert none == pytest.approx(0, abs=1e-5)
    assert 0.3 < half < much <= 1


def test_the_same_seed_draws_the_same_pairs():
    noise = torch.rand(20, 1, 28, 28, generator=rng()) * 2 - 1
    assert ms_ssim_diversity(noise, rng(), num_pairs=50) == ms_ssim_diversity(noise, rng(), num_pairs=50)


@pytest.mark.parametrize(("side", "scales"), [(11, 1), (28, 2), (32, 2), (64, 3), (128, 4), (176, 5), (256, 5)])
def test_small_pictures_are_compared_at_as_many_scales_as_fit(side, scales):
    assert num_scales(side) == scales
    assert 0 <= ms_ssim_diversity(torch.rand(2, 1, side, side) * 2 - 1, rng(), num_pairs=2) <= 1


def test_pictures_too_small_for_the_window_are_refused():
    with pytest.raises(ValueError, match="11 pixels a side, not 8"):
        ms_ssim_diversity(torch.zeros(4, 1, 8, 8), rng())
