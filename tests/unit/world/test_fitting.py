from itertools import pairwise
from math import pi

import pytest
import torch

from diptych.world import SHAPES
from diptych.world.judging.fitting import blur_matrix, blurred_masks, fit

RADII = (3.0, 7.0)
TRUTH = torch.tensor([[[12.3, 13.1, 4.6, 0.5]]])


@pytest.mark.parametrize("number", range(len(SHAPES)), ids=SHAPES)
def test_fitting_recovers_position_radius_blur_and_colour(number: int):
    shape, colour = torch.tensor([[number]]), torch.tensor([0.9, -0.8, 0.7])
    patches = colour[None, :, None, None] * blurred_masks(shape, TRUTH, 25)
    found = fit(shape, TRUTH + torch.tensor([0.8, -0.7, 0.6, 0.4]), patches, RADII, steps=8)
    assert found.error.item() < 1e-3 * found.energy.item()
    torch.testing.assert_close(found.params, TRUTH, atol=0.05, rtol=0)
    torch.testing.assert_close(found.colour[0, 0], colour, atol=0.02, rtol=0)


def test_more_steps_never_increase_the_error():
    shape = torch.tensor([[SHAPES.index("star")]])
    patches = blurred_masks(shape, TRUTH, 25).expand(-1, 3, -1, -1)
    start = TRUTH + torch.tensor([0.9, 0.9, -0.5, 0.3])
    errors = [fit(shape, start, patches, RADII, steps).error.item() for steps in range(6)]
    assert errors[-1] < 0.01 * errors[0]
    assert all(later <= earlier + 1e-3 for earlier, later in pairwise(errors))


def test_blur_keeps_the_light_and_spreads_it_by_its_variance():
    variance = 1.44
    spread = blur_matrix(torch.tensor([variance]), 41)[0][:, 20]
    places = torch.arange(41.0) - 20
    assert spread.sum().item() == pytest.approx(1, abs=1e-5)
    assert (spread * places.square()).sum().item() == pytest.approx(variance, rel=1e-3)


def test_a_blurred_mask_still_has_its_area():
    params = torch.tensor([[[16.0, 16.0, 5.0, 1.0]]])
    for number in range(len(SHAPES)):
        area = blurred_masks(torch.tensor([[number]]), params, 33).sum().item()
        assert area == pytest.approx(pi * 25, rel=0.02)


def test_hypotheses_are_fitted_independently():
    shapes = torch.arange(len(SHAPES)).expand(2, -1)
    patches = blurred_masks(shapes[:, 3:4], TRUTH.expand(2, -1, -1), 25).expand(-1, 3, -1, -1)
    start = TRUTH.expand(2, len(SHAPES), -1) + 0.3
    together = fit(shapes, start, patches, RADII, steps=3)
    alone = fit(shapes[1:, 2:3], start[1:, 2:3], patches[1:], RADII, steps=3)
    torch.testing.assert_close(together.params[1:, 2:3], alone.params, atol=1e-4, rtol=0)


def test_the_true_shape_has_the_smallest_error():
    shapes = torch.arange(len(SHAPES)).expand(len(SHAPES), -1)
    truth = TRUTH.expand(len(SHAPES), -1, -1)
    patches = blurred_masks(shapes[0, :, None], truth, 25).expand(-1, 3, -1, -1)
    found = fit(shapes, truth.expand(-1, len(SHAPES), -1), patches, RADII, steps=4)
    assert found.best().shapes[:, 0].tolist() == list(range(len(SHAPES)))
    assert found.keep(found.error.argsort(dim=1)[:, :1]).error.equal(found.best().error)
