"""StyleGAN2's layers against explicit sums: modulation, equalised rates, filters, and noise by a hash."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from diptych.models.gan.stylegan2.equalized import EqualizedConv2d, EqualizedLinear, leaky
from diptych.models.gan.stylegan2.filters import Filter
from diptych.models.gan.stylegan2.modulation import ModulatedConv2d
from diptych.models.gan.stylegan2.noise import normal, seeds_of, uniform

TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def zero_filled(planes):
    """Twice the size: each pixel, then zeros beside and below it."""
    filled = planes.new_zeros(*planes.shape[:2], 2 * planes.shape[2], 2 * planes.shape[3])
    filled[:, :, ::2, ::2] = planes
    return filled


def smoothed(plane, before, after, gain=1.0):
    """The filter as a sum over its sixteen taps."""
    padded = F.pad(plane, (before, after, before, after))
    rows, columns = padded.shape[2] - 3, padded.shape[3] - 3
    return gain * sum(
        TAPS[i] * TAPS[j] * padded[:, :, i : i + rows, j : j + columns] for i in range(4) for j in range(4)
    )


@pytest.mark.parametrize("demodulates", [True, False])
@pytest.mark.parametrize("doubles", [True, False])
def test_a_modulated_convolution_is_a_convolution_of_each_images_own_weights(demodulates, doubles):
    layer = ModulatedConv2d(5, 7, 3, 4, demodulates=demodulates, doubles=doubles)
    planes, style = torch.randn(3, 5, 6, 6), torch.randn(3, 4)
    expected = []
    for image, scales in zip(planes, layer.affine(style), strict=True):
        weight = layer.weight * scales[None, :, None, None] / (5 * 9) ** 0.5
        if demodulates:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if doubles:
            whole = F.conv2d(zero_filled(image[None]), weight.flip(2, 3), padding=2)[:, :, :, :]
            expected.append(smoothed(whole[:, :, :13, :13], 1, 1, gain=4.0))
        else:
            expected.append(F.conv2d(image[None], weight, padding=1))
    torch.testing.assert_close(layer(planes, style), torch.cat(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e3])
def test_demodulated_outputs_have_deviation_one_whatever_the_style(scale):
    """For inputs that are independent with variance 1: in closed form, the norm of each output's weights."""
    layer = ModulatedConv2d(32, 8, 3, 4)
    planes, style = torch.randn(1, 32, 128, 128), torch.randn(1, 4)
    with torch.no_grad():
        layer.affine.weight *= scale
        layer.affine.bias *= scale
        deviations = layer(planes, style)[0, :, 1:-1, 1:-1].std((1, 2))
        layer.demodulates = False
        without = layer(planes, style)[0, :, 1:-1, 1:-1].std((1, 2))
    torch.testing.assert_close(deviations, torch.ones(8), atol=0.05, rtol=0)
    assert scale == 1 or not torch.allclose(without, torch.ones(8), atol=0.5, rtol=0)


def test_demodulation_is_computed_in_full_precision_under_autocast():
    layer, planes, style = ModulatedConv2d(16, 4, 1, 4), torch.randn(2, 16, 3, 3), torch.randn(2, 4)
    full = layer(planes, style)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = layer(planes, style)
    torch.testing.assert_close(half.float(), full, rtol=0.05, atol=0.05)


def test_a_style_of_a_new_layer_is_around_one():
    scales = ModulatedConv2d(64, 4, 3, 32).affine(torch.randn(200, 32))
    assert scales.mean().item() == pytest.approx(1, abs=0.05)
    assert scales.std().item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("ins", [8, 512])
@pytest.mark.parametrize("multiplier", [1.0, 0.01])
def test_an_equalised_layer_keeps_variance_and_starts_with_weights_of_one_size(ins, multiplier):
    layer = EqualizedLinear(ins, 256, lr_multiplier=multiplier)
    assert layer.weight.std().item() == pytest.approx(1 / multiplier, rel=0.05)
    assert layer(torch.randn(512, ins)).std().item() == pytest.approx(1, rel=0.1)


def test_an_equal_step_changes_layers_of_all_widths_equally():
    """Which an optimiser takes whose steps are all of one size; `lr_multiplier` makes a layer slower by that much."""
    changes = {}
    for ins in (8, 512):
        for multiplier in (1.0, 0.01):
            layer, inputs = EqualizedLinear(ins, 64, lr_multiplier=multiplier), torch.randn(500, ins)
            before = layer(inputs)
            with torch.no_grad():
                layer.weight += 0.1 * torch.randn_like(layer.weight).sign()
            changes[ins, multiplier] = (layer(inputs) - before).std().item()
    assert changes[8, 1.0] == pytest.approx(0.1, rel=0.1)
    assert changes[512, 1.0] == pytest.approx(0.1, rel=0.1)
    assert changes[512, 0.01] == pytest.approx(0.001, rel=0.1)
    plain = nn.Linear(512, 64)
    plain.weight.data += 0.1 * torch.randn_like(plain.weight).sign()
    assert plain(torch.randn(500, 512)).std() > 1


def test_initial_biases_and_their_rates_are_equalised_as_well():
    layer = EqualizedLinear(4, 3, lr_multiplier=0.01, initial_bias=1.0)
    torch.testing.assert_close(layer(torch.zeros(1, 4)), torch.ones(1, 3))
    torch.testing.assert_close(layer.bias.detach(), torch.full((3,), 100.0))


def test_an_equalised_convolution_is_scaled_by_the_root_of_its_inputs():
    layer, planes = EqualizedConv2d(6, 5, 3), torch.randn(2, 6, 4, 4)
    expected = F.conv2d(planes, layer.weight / 54**0.5, padding=1)
    torch.testing.assert_close(layer(planes), expected)


def test_leaky_keeps_the_mean_square_of_normal_values():
    assert leaky(torch.randn(10**5)).square().mean().item() == pytest.approx(1.04, abs=0.02)  # (1 + 0.2^2) / 2 * 2


def test_doubling_puts_zeros_between_pixels_and_smooths():
    planes = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(Filter().doubled(planes), smoothed(zero_filled(planes), 2, 1, gain=4.0))


def test_halving_smooths_and_drops_every_other_pixel():
    planes = torch.randn(2, 3, 6, 6)
    torch.testing.assert_close(Filter().halved(planes), smoothed(planes, 1, 1)[:, :, ::2, ::2])


def test_a_constant_image_stays_constant_but_for_its_border():
    ones = torch.ones(1, 1, 8, 8)
    torch.testing.assert_close(Filter().doubled(ones)[:, :, 1:-1, 1:-1], torch.ones(1, 1, 14, 14))
    torch.testing.assert_close(Filter().halved(ones)[:, :, 1:-1, 1:-1], torch.ones(1, 1, 2, 2))


def test_noise_is_normal_and_independent():
    """Moments of 2.7 million values, and correlations within an image, between images and between streams."""
    seeds = seeds_of(torch.randn(1000, 16))
    values, other = (normal(seeds, 2704, stream=stream) for stream in (0, 1))
    moments = [values.mean(), values.var(), values.pow(3).mean(), values.pow(4).mean()]
    assert torch.stack(moments).tolist() == pytest.approx([0, 1, 0, 3], abs=0.015)
    pairs = [
        (values[:, :-1], values[:, 1:]),
        (values[:, :1352], values[:, 1352:]),
        (values[:-1], values[1:]),
        (values, other),
    ]
    assert all((a * b).mean().abs() < 0.005 for a, b in pairs)
    assert torch.corrcoef(values[:100]).triu(1).abs().max() < 0.12  # 5,000 pairs, each with a deviation of 0.02


def test_the_smallest_change_of_latents_gives_other_noise():
    latents = torch.randn(1, 16)
    others = latents.repeat(16, 1)
    others.view(torch.int32)[range(16), range(16)] ^= 1
    seeds = seeds_of(torch.cat([latents, others, latents.flip(1)]))
    assert len(set(seeds.tolist())) == 18
    values = normal(seeds, 1000, stream=0)
    assert torch.corrcoef(values).triu(1).abs().max() < 0.15


def test_seeds_of_many_images_differ():
    seeds = seeds_of(torch.randn(5000, 4))
    assert len(set(seeds.tolist())) >= 4998
    assert ((seeds >= 0) & (seeds < 2**32)).all()


def test_uniform_values_are_within_and_fill_the_interval():
    values = uniform(seeds_of(torch.randn(100, 4)), 1001, stream=3)
    assert 0 < values.min() < 1e-3
    assert 1 - 1e-3 < values.max() < 1
    assert values.mean().item() == pytest.approx(0.5, abs=0.005)
    assert values.histc(10, 0, 1).tolist() == pytest.approx([10_010] * 10, rel=0.05)
