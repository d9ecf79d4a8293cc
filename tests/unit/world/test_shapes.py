from math import pi

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.world import SHAPES
from diptych.world.shapes import HALF_EXTENTS, SIGNED_DISTANCE, coverage


def one(value: float) -> torch.Tensor:
    return torch.tensor([value])


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=25, deadline=None)
@given(x=st.floats(30, 34), y=st.floats(30, 34), radius=st.floats(4, 12))
def test_every_shape_covers_the_area_of_its_circle(shape: str, x: float, y: float, radius: float):
    area = coverage(shape, one(x), one(y), one(radius), 64).sum().item()
    assert area == pytest.approx(pi * radius**2, rel=0.03)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_bounding_box_is_centred_and_has_the_stated_size(shape: str):
    inside = coverage(shape, one(128.0), one(128.0), one(60.0), 256)[0] > 0.5
    rows, columns = inside.nonzero().T
    half_width, half_height = HALF_EXTENTS[shape]
    assert (columns.max() - columns.min() + 1).item() / 2 == pytest.approx(60 * half_width, abs=1)
    assert (rows.max() - rows.min() + 1).item() / 2 == pytest.approx(60 * half_height, abs=1)
    assert (columns.max() + columns.min() + 1).item() / 2 == pytest.approx(128, abs=0.6)
    assert (rows.max() + rows.min() + 1).item() / 2 == pytest.approx(128, abs=0.6)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_signed_distance_changes_at_unit_speed_at_the_edge(shape: str):
    """Then the anti-aliasing ramp is one pixel wide in every direction."""
    grid = (torch.arange(400) + 0.5) / 10 - 20
    distance = SIGNED_DISTANCE[shape](grid[None, None, :], grid[None, :, None], one(10.0)[:, None, None])[0]
    down, across = torch.gradient(distance, spacing=0.1)
    speed = torch.hypot(across, down)[distance.abs() < 0.5]
    assert (speed.sub(1).abs() < 0.02).float().mean() > 0.95  # corners excepted


def test_shapes_are_far_apart():
    """At one radius, any two differ in a twelfth of their area or more; disc and square are the nearest."""
    masks = [coverage(shape, one(16.0), one(16.0), one(5.5), 32)[0] for shape in SHAPES]
    for i, first in enumerate(masks):
        for second in masks[:i]:
            assert torch.minimum(first, second).sum() < 11 / 12 * first.sum()


def test_all_shapes_but_the_upright_ones_look_the_same_upside_down():
    for shape in SHAPES:
        mask = coverage(shape, one(16.0), one(16.0), one(6.0), 32)[0]
        torch.testing.assert_close(mask, mask.flip(1), atol=1e-5, rtol=0)
        assert torch.allclose(mask, mask.flip(0), atol=1e-5) == (shape not in ("triangle", "star"))
