from random import Random

import pytest
import torch

from diptych.types import Scene, SceneObject
from diptych.world import PALETTE, SHAPES, SceneTensors, WorldSpec, render, render_tensors, sample_scene

CROWDS = WorldSpec(min_objects=1, max_objects=4, side=64)


def scenes(number: int, spec: WorldSpec = CROWDS) -> list[Scene]:
    return [sample_scene(spec, Random(seed)) for seed in range(number)]


def test_the_middle_of_a_solid_object_has_its_colour_and_far_away_is_grey():
    for shape in SHAPES[:5]:
        for colour, value in PALETTE.items():
            image = render([Scene(32, (SceneObject(shape, colour, "large", 10.0, 12.0, 5.5),))])[0]
            assert image[:, 12, 10].tolist() == list(value)
            assert image[:, :, 24:].abs().max() == 0


def test_a_ring_has_a_grey_hole():
    image = render([Scene(32, (SceneObject("ring", "red", "large", 16.0, 16.0, 5.5),))])[0]
    assert image[:, 15:17, 15:17].abs().max() == 0


def test_a_picture_is_the_same_alone_and_in_a_batch():
    batch = scenes(40)
    together = render(batch)
    alone = torch.cat([render([scene]) for scene in batch])
    assert torch.equal(together, alone)


def test_the_order_of_objects_does_not_matter():
    for scene in scenes(20):
        turned = Scene(scene.side, scene.objects[::-1])
        torch.testing.assert_close(render([scene]), render([turned]))


def test_pictures_stay_within_their_range():
    images = render(scenes(200))
    assert images.shape == (200, 3, 64, 64)
    assert images.abs().max() <= 1
    assert torch.isfinite(images).all()


def test_moving_an_object_by_whole_pixels_moves_the_picture():
    thing = SceneObject("star", "cyan", "small", 12.3, 13.7, 4.2)
    moved = SceneObject("star", "cyan", "small", 17.3, 10.7, 4.2)
    images = render([Scene(32, (thing,)), Scene(32, (moved,))])
    torch.testing.assert_close(images[0].roll((-3, 5), dims=(1, 2)), images[1], atol=2e-6, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_edges_agree_with_eightfold_supersampling(shape: str):
    scene = Scene(32, (SceneObject(shape, "white", "large", 15.3, 16.6, 5.6),))
    fine = torch.nn.functional.avg_pool2d(render([scene], side=256), 8)
    assert (fine - render([scene])).abs().mean() < 0.004
    assert (fine - render([scene])).abs().max() < 0.35


def test_a_scene_can_be_drawn_at_another_side():
    scene = scenes(1)[0]
    small, large = render([scene]), render([scene], side=128)
    assert large.shape[-1] == 128
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(large, 2).sum(), small.sum(), rtol=0.02, atol=5.0)


def test_prepared_tensors_draw_the_same_pictures():
    batch = scenes(30)
    assert torch.equal(render_tensors(SceneTensors.of(batch)), render(batch))


def test_a_scene_without_objects_is_blank():
    assert render([Scene(32, ())]).abs().max() == 0
