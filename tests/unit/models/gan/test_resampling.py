"""Fused layers equal their two steps, and the filter interpolates."""

import pytest
import torch
from torch.nn import functional as F

from diptych.models.gan.resampling import DoubledConv2d, InterpolatedDouble, InterpolatedHalf, PooledConv2d

KERNEL = torch.outer(torch.tensor([1.0, 3.0, 3.0, 1.0]), torch.tensor([1.0, 3.0, 3.0, 1.0])) / 64


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("side", [2, 6, 7])
def test_a_doubled_convolution_is_nearest_neighbours_then_the_convolution(side):
    layer, planes = DoubledConv2d(3, 5), torch.randn(2, 3, side, side)
    twice = F.interpolate(planes, scale_factor=2.0)
    torch.testing.assert_close(layer(planes), F.conv2d(twice, layer.weight, layer.bias, padding=1))


@pytest.mark.parametrize("side", [2, 6, 14])
def test_a_pooled_convolution_is_the_convolution_then_a_mean_pool(side):
    layer, planes = PooledConv2d(3, 5), torch.randn(2, 3, side, side)
    whole = F.conv2d(planes, layer.weight, layer.bias, padding=1)
    torch.testing.assert_close(layer(planes), F.avg_pool2d(whole, 2))


@pytest.mark.parametrize("make", [DoubledConv2d, PooledConv2d])
def test_a_fused_layer_holds_a_three_by_three_convolution(make):
    assert {name: tuple(p.shape) for name, p in make(3, 5).named_parameters()} == {"weight": (5, 3, 3, 3), "bias": (5,)}


@pytest.mark.parametrize("side", [4, 14, 28])
def test_half_the_size_is_a_strided_convolution_with_the_filter(side):
    planes = torch.randn(2, 3, side, side)
    expected = F.conv2d(planes, KERNEL.expand(3, 1, 4, 4), stride=2, padding=1, groups=3)
    torch.testing.assert_close(InterpolatedHalf(side)(planes), expected)


@pytest.mark.parametrize("side", [4, 7, 14])
def test_twice_the_size_is_a_transposed_convolution_with_the_filter(side):
    planes = torch.randn(2, 3, side, side)
    expected = F.conv_transpose2d(planes, 4 * KERNEL.expand(3, 1, 4, 4), stride=2, padding=1, groups=3)
    torch.testing.assert_close(InterpolatedDouble(side)(planes), expected)


def test_twice_the_size_is_bilinear_away_from_the_border():
    planes = torch.randn(1, 2, 6, 6)
    bilinear = F.interpolate(planes, scale_factor=2.0, mode="bilinear", align_corners=False)
    torch.testing.assert_close(InterpolatedDouble(6)(planes)[..., 1:-1, 1:-1], bilinear[..., 1:-1, 1:-1])


def test_the_filter_is_no_part_of_a_checkpoint():
    assert not InterpolatedHalf(8).state_dict()
    assert not InterpolatedDouble(8).state_dict()
