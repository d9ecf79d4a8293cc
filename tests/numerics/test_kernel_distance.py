"""Held against the definition pair by pair, torch-fidelity, closed forms and simulation."""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_kid import kid_features_to_metric

from diptych.metrics.pictures import kernel as kernel_module
from diptych.metrics.pictures import kernel_distance


def pair_by_pair(some: np.ndarray, others: np.ndarray) -> float:
    """The unbiased estimate, as it is written down."""

    def kernel(x, y):
        return (x @ y / len(x) + 1) ** 3

    def within(rows):
        pairs = [(i, j) for i in range(len(rows)) for j in range(len(rows)) if i != j]
        return np.mean([kernel(rows[i], rows[j]) for i, j in pairs])

    return within(some) + within(others) - 2 * np.mean([kernel(x, y) for x in some for y in others])


def samples(num: int, seed: int, dim: int = 8, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(num, dim, generator=torch.Generator().manual_seed(seed)) + shift


def test_it_is_the_mean_over_all_pairs():
    some, others = samples(43, 1), samples(40, 2, shift=0.5)
    value = kernel_distance(some, others).value
    assert value == pytest.approx(pair_by_pair(some.double().numpy(), others.double().numpy()), rel=1e-9)


def test_one_subset_of_everything_is_torch_fidelity_s_number():
    some, others = samples(200, 1), samples(200, 2, shift=0.3)
    settings = {"kid_subsets": 1, "kid_subset_size": 200, "rng_seed": 0, "verbose": False}
    theirs = kid_features_to_metric(some.double(), others.double(), **settings)["kernel_inception_distance_mean"]
    assert kernel_distance(some, others).value == pytest.approx(theirs, rel=1e-9)


def test_rows_at_once_never_change_it(monkeypatch):
    some, others = samples(130, 1), samples(110, 2)
    whole = kernel_distance(some, others)
    monkeypatch.setattr(kernel_module, "ROWS_AT_ONCE", 7)
    assert kernel_distance(some, others) == pytest.approx(whole, rel=1e-9)


def test_equal_distributions_are_zero_apart_on_average_at_any_n():
    values = [kernel_distance(samples(40, 2 * i), samples(40, 2 * i + 1)).value for i in range(300)]
    assert abs(np.mean(values)) < 3 * np.std(values) / 300**0.5
    assert min(values) < 0


def test_a_shift_in_one_dimension_has_its_known_distance():
    """With mean m in one dimension, E k(x, y) = (m m' + 1)^3 plus what the unit variances add."""
    shift = 0.5
    some, others = samples(4000, 1, dim=1), samples(4000, 2, dim=1, shift=shift)

    def expected_kernel(first: float, second: float) -> float:
        """E (xy + 1)^3 for independent x ~ N(first, 1) and y ~ N(second, 1), by moments."""
        square = (first**2 + 1) * (second**2 + 1)
        cube = (first**3 + 3 * first) * (second**3 + 3 * second)
        return cube + 3 * square + 3 * first * second + 1

    truth = expected_kernel(0, 0) + expected_kernel(shift, shift) - 2 * expected_kernel(0, shift)
    estimate = kernel_distance(some, others)
    assert abs(estimate.value - truth) < 4 * estimate.standard_error


def test_the_standard_error_is_the_spread_from_sample_to_sample():
    estimates = [kernel_distance(samples(200, 2 * i), samples(200, 2 * i + 1, shift=0.3)) for i in range(150)]
    spread = np.std([estimate.value for estimate in estimates])
    assert np.median([estimate.standard_error for estimate in estimates]) == pytest.approx(spread, rel=0.15)


def test_near_zero_the_standard_error_errs_on_the_large_side():
    estimates = [kernel_distance(samples(200, 2 * i), samples(200, 2 * i + 1)) for i in range(150)]
    spread = np.std([estimate.value for estimate in estimates])
    assert 1 < np.median([estimate.standard_error for estimate in estimates]) / spread < 2


def test_too_few_vectors_for_blocks_are_refused():
    with pytest.raises(ValueError, match="needs 40 vectors of each set, not 39"):
        kernel_distance(samples(39, 1), samples(80, 2))
