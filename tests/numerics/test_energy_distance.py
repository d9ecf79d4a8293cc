import pytest
import torch

from diptych.metrics.energy import energy_distance, image_energy_distance


def test_two_points_against_two_points_in_closed_form():
    """On a line: {0, 1} and {3, 5}: 2 * mean(3, 5, 2, 4) - 1 - 2."""
    some, others = torch.tensor([[0.0], [1.0]]), torch.tensor([[3.0], [5.0]])
    assert float(energy_distance(some, others)) == pytest.approx(2 * 3.5 - 1 - 2)


def test_a_shift_of_normal_samples_has_its_known_distance():
    """E|X - Y| for normals on a line is that of N(shift, 2)."""
    shift = torch.tensor(1.5)
    some, others = torch.randn(4000, 1), torch.randn(4000, 1) + shift
    sigma = 2**0.5
    normal = torch.distributions.Normal(0, 1)
    across = sigma * (2 / torch.pi) ** 0.5 * torch.exp(-(shift**2) / 4) + shift * (2 * normal.cdf(shift / sigma) - 1)
    expected = 2 * across - 2 * sigma * (2 / torch.pi) ** 0.5
    assert float(energy_distance(some, others)) == pytest.approx(float(expected), rel=0.1)


def test_equal_distributions_are_zero_apart_on_average():
    distances = [float(energy_distance(torch.randn(20, 3), torch.randn(20, 3))) for _ in range(200)]
    assert sum(distances) / 200 == pytest.approx(0, abs=0.02)
    assert min(distances) < 0


def test_lost_variety_increases_the_distance():
    real = torch.rand(64, 1, 8, 8) * 2 - 1
    fresh, collapsed = torch.rand(64, 1, 8, 8) * 2 - 1, real[:1].expand(64, -1, -1, -1)
    assert image_energy_distance(real, collapsed) > 10 * image_energy_distance(real, fresh).abs()


def test_large_pictures_are_compared_as_their_averages():
    small, others = torch.rand(5, 3, 32, 32), torch.rand(6, 3, 32, 32)
    large = small.repeat_interleave(4, -1).repeat_interleave(4, -2)
    large_others = others.repeat_interleave(4, -1).repeat_interleave(4, -2)
    torch.testing.assert_close(image_energy_distance(large, large_others), image_energy_distance(small, others))


def test_a_grey_level_apart_is_that_far_at_any_size():
    for side in (4, 16):
        dark, bright = torch.zeros(3, 1, side, side), torch.full((3, 1, side, side), 0.5)
        assert float(image_energy_distance(dark, bright)) == pytest.approx(1.0, rel=1e-4)
