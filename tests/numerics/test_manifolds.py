"""Held against the authors' package, torch-fidelity, and sets whose scores are known."""

import contextlib
import io

import pytest
import torch
from prdc import compute_prdc
from torch_fidelity.metric_prc import prc_features_to_metric

from diptych.metrics.pictures import manifold_scores, manifolds


def authors(real: torch.Tensor, generated: torch.Tensor, neighbours: int) -> tuple[float, ...]:
    with contextlib.redirect_stdout(io.StringIO()):
        scores = compute_prdc(real.double().numpy(), generated.double().numpy(), neighbours)
    return tuple(float(scores[name]) for name in manifolds.ManifoldScores._fields)


def samples(num: int, seed: int, dim: int = 16, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(num, dim, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("neighbours", [1, 3, 5])
@pytest.mark.parametrize("scale", [0.7, 1.0, 1.3])
def test_all_four_are_the_authors(neighbours, scale):
    real, generated = samples(500, 1), samples(430, 2, scale=scale) + 0.1
    assert manifold_scores(real, generated, neighbours=neighbours) == pytest.approx(
        authors(real, generated, neighbours)
    )


def test_far_from_the_origin_they_are_the_authors_still():
    real, generated = samples(300, 1) + 1000, samples(300, 2) + 1000
    expected = authors(real - 1000, generated - 1000, 5)
    assert manifold_scores(real, generated) == pytest.approx(expected, abs=0.01)


def test_precision_and_recall_are_torch_fidelity_s():
    real, generated = samples(400, 1).double(), samples(400, 2, scale=1.1).double()
    theirs = prc_features_to_metric(
        generated, real, prc_neighborhood=3, prc_batch_size=100, save_cpu_ram=True, verbose=False
    )
    ours = manifold_scores(real, generated, neighbours=3)
    assert (ours.precision, ours.recall) == pytest.approx((theirs["precision"], theirs["recall"]), abs=1e-6)


def test_a_collapsed_generator_has_high_precision_and_low_recall():
    real = samples(1000, 1, dim=8)
    generated = real[:1] + 1e-3 * samples(1000, 2, dim=8)
    scores = manifold_scores(real, generated)
    assert scores.precision == 1
    assert scores.recall <= 0.002
    assert scores.coverage < 0.05


def test_another_sample_of_the_same_is_covered_as_the_authors_expect():
    """Naeem et al. 2020, equation 11: expected coverage of n and m from one distribution."""
    num, neighbours = 1000, 5
    expected = 1 - torch.tensor([(num - i) / (2 * num - i) for i in range(neighbours)], dtype=torch.float64).prod()
    found = [manifold_scores(samples(num, 2 * i, dim=4), samples(num, 2 * i + 1, dim=4)) for i in range(5)]
    assert sum(f.coverage for f in found) / 5 == pytest.approx(float(expected), abs=0.01)
    assert sum(f.density for f in found) / 5 == pytest.approx(1, abs=0.05)


def test_two_sets_of_one_point_score_zero_as_in_the_authors_package():
    point = torch.full((50, 7), 0.1)
    assert manifold_scores(point, point) == authors(point, point, 5) == (0, 0, 0, 0)


def test_rows_at_once_never_change_them(monkeypatch):
    real, generated = samples(90, 1), samples(80, 2)
    whole = manifold_scores(real, generated)
    monkeypatch.setattr(manifolds, "ROWS_AT_ONCE", 7)
    assert manifold_scores(real, generated) == whole


def test_too_few_vectors_are_refused():
    with pytest.raises(ValueError, match="5 nearest neighbours need 6 vectors"):
        manifold_scores(samples(5, 1), samples(50, 2))
