"""Held against closed forms, scipy's matrix root and torch-fidelity."""

import numpy as np
import pytest
import torch
from scipy import linalg
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from diptych.metrics.pictures.frechet import Gaussian, frechet_distance, frechet_infinity, gaussian_distance


def gaussian(mean, covariance) -> Gaussian:
    return Gaussian(torch.as_tensor(mean, dtype=torch.float64), torch.as_tensor(covariance, dtype=torch.float64))


def correlated(num: int, dim: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    mixing = torch.randn(dim, dim, generator=rng, dtype=torch.float64) / dim**0.5
    return torch.randn(num, dim, generator=rng, dtype=torch.float64) @ mixing + shift


def by_matrix_root(some: Gaussian, others: Gaussian) -> float:
    """The textbook's formula, with a root of the non-symmetric product."""
    first, second = some.covariance.numpy(), others.covariance.numpy()
    root = linalg.sqrtm(first @ second).real
    shift = float((some.mean - others.mean).square().sum())
    return shift + float(np.trace(first) + np.trace(second) - 2 * np.trace(root))


def test_axis_aligned_gaussians_are_apart_by_their_means_and_standard_deviations():
    some = gaussian([0.0, 1.0, 2.0], torch.diag(torch.tensor([1.0, 4.0, 9.0])))
    others = gaussian([1.0, 1.0, 4.0], torch.diag(torch.tensor([4.0, 4.0, 1.0])))
    assert gaussian_distance(some, others) == pytest.approx((1 + 0 + 4) + (1 + 0 + 4), rel=1e-12)


@pytest.mark.parametrize("dim", [3, 64, 256])
def test_it_is_the_matrix_root_s_distance_to_a_millionth_of_the_traces(dim):
    some, others = (Gaussian.of(correlated(4 * dim, dim, seed, shift)) for seed, shift in ((1, 0.0), (2, 0.3)))
    traces = float(some.covariance.trace() + others.covariance.trace())
    assert gaussian_distance(some, others) == pytest.approx(by_matrix_root(some, others), abs=1e-6 * traces)


def test_it_is_torch_fidelity_s_distance_of_the_same_features():
    some, others = correlated(2000, 32, 1), correlated(2000, 32, 2, shift=0.1)
    statistics = [fid_features_to_statistics(features) for features in (some, others)]
    theirs = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(some, others) == pytest.approx(theirs, rel=1e-9)


def test_the_roles_of_the_two_sets_are_the_same():
    some, others = correlated(500, 20, 1), correlated(700, 20, 2)
    assert frechet_distance(some, others) == pytest.approx(frechet_distance(others, some), rel=1e-9)


def test_the_distance_of_a_set_to_itself_is_zero_and_no_distance_is_negative():
    features = correlated(500, 20, 1)
    assert 0 <= frechet_distance(features, features) < 1e-9


def test_constant_and_repeated_features_change_nothing():
    """Covariances are then singular: the distance is that of the features that carry something."""
    some, others = correlated(500, 8, 1), correlated(500, 8, 2, shift=0.2)
    alone = frechet_distance(some, others)
    padded = [torch.cat([x, torch.full((500, 3), 7.0), x], dim=1) for x in (some, others)]
    assert frechet_distance(*padded) == pytest.approx(2 * alone, rel=1e-6)


def test_a_collapsed_set_is_as_far_as_its_point_and_the_others_variance():
    real, point = correlated(500, 8, 1), torch.full((500, 8), 0.5, dtype=torch.float64)
    expected = (real.mean(dim=0) - 0.5).square().sum() + torch.cov(real.T).trace()
    assert frechet_distance(real, point) == pytest.approx(float(expected), rel=1e-9)


def test_fewer_vectors_than_dimensions_give_the_same_number_by_the_shorter_way():
    some, others = correlated(60, 100, 1), correlated(50, 100, 2)
    expected = by_matrix_root(Gaussian.of(some), Gaussian.of(others))
    assert frechet_distance(some, others, force=True) == pytest.approx(expected, rel=1e-4)
    longer = gaussian_distance(Gaussian.of(some), Gaussian.of(others))
    assert frechet_distance(some, others, force=True) == pytest.approx(longer, rel=1e-6)


def test_fewer_than_ten_vectors_per_dimension_are_refused_unless_forced():
    few = correlated(79, 8, 1)
    with pytest.raises(ValueError, match=r"79 vectors in 8 dimensions is mostly bias: give 80"):
        frechet_distance(few, few)
    assert frechet_distance(few, few, force=True) < 1e-9


def test_float32_features_give_the_float64_distance():
    some, others = correlated(1000, 16, 1).float(), correlated(1000, 16, 2).float()
    assert frechet_distance(some, others) == pytest.approx(frechet_distance(some.double(), others.double()), rel=1e-12)


def test_the_limit_removes_the_bias_of_few_vectors():
    """Two samples of one distribution: the truth is 0, and n vectors say about dim (dim + 1) / 2n per unit variance."""
    rng = torch.Generator().manual_seed(0)
    pairs = [(torch.randn(640, 32, generator=rng), torch.randn(640, 32, generator=rng)) for _ in range(8)]
    biased = np.mean([frechet_distance(*pair) for pair in pairs])
    limits = [frechet_infinity(*pair, rng) for pair in pairs]
    assert biased > 0.7
    assert abs(np.mean(limits)) < 0.1 * biased


def test_the_limit_is_the_same_for_the_same_seed_and_refuses_too_few():
    some, others = torch.randn(256, 16), torch.randn(256, 16)
    first, second = (frechet_infinity(some, others, torch.Generator().manual_seed(1)) for _ in range(2))
    assert first == second
    with pytest.raises(ValueError, match="needs 128 vectors in 16 dimensions, not 100"):
        frechet_infinity(some[:100], others, torch.Generator())
