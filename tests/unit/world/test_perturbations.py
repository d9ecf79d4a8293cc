"""Corrupted pictures have the stated strengths, and crops keep captions true."""

from random import Random

import pytest
import torch
from scipy.ndimage import gaussian_filter

from diptych.world import WorldSpec, canonical, render, scene_at
from diptych.world.perturbations import blurred, crop_corner, cropped, cropped_scene, jpeg, noisy, window_of

SCENES = [scene_at(WorldSpec(min_objects=1), "test", 0, i) for i in range(40)]


def test_noise_has_its_strength_in_pixels_of_zero_to_one():
    grey = torch.zeros(20, 3, 32, 32)
    for sigma in (0.05, 0.1):
        noise = noisy(grey, sigma, torch.Generator().manual_seed(0)) / 2
        assert noise.std().item() == pytest.approx(sigma, rel=0.02)
        assert noise.mean().item() == pytest.approx(0, abs=sigma / 50)
    assert noisy(grey + 1, 0.1, torch.Generator().manual_seed(0)).max() <= 1


def test_blur_is_scipys_gaussian_filter():
    images = render(SCENES[:4])
    for sigma in (0.6, 1.2):
        theirs = gaussian_filter(images.numpy(), (0, 0, sigma, sigma), mode="constant", truncate=8.0)
        assert torch.allclose(blurred(images, sigma), torch.from_numpy(theirs), atol=1e-6)


def test_jpeg_loses_more_at_lower_quality_and_stays_in_range():
    images = render(SCENES)
    losses = [(jpeg(images, quality) - images).square().mean().item() for quality in (95, 75, 30)]
    assert losses == sorted(losses)
    assert 0 < losses[0] < 0.05
    assert jpeg(images, 75).abs().max() <= 1
    grey = torch.zeros(1, 3, 32, 32)
    assert (jpeg(grey, 90) - grey).abs().max() <= 1 / 127.5


@pytest.mark.parametrize("spec", [WorldSpec(min_objects=1), WorldSpec(min_objects=1, max_objects=4, side=64)])
def test_a_crop_keeps_every_object_s_kind(spec):
    scenes = [scene_at(spec, "test", 0, i) for i in range(80)]
    corners = [crop_corner(scene, Random(i)) for i, scene in enumerate(scenes)]
    kept = [(scene, corner) for scene, corner in zip(scenes, corners, strict=True) if corner is not None]
    assert len(kept) > 40
    for scene, corner in kept:
        shown = cropped_scene(scene, corner)
        assert canonical(shown) == canonical(scene)
        assert all(0 <= thing.x <= spec.side and 0 <= thing.y <= spec.side for thing in shown.objects)


def test_a_cropped_picture_is_nearly_the_rendering_of_the_cropped_scene():
    for i, scene in enumerate(SCENES[:10]):
        corner = crop_corner(scene, Random(i))
        if corner is not None:
            again = render([cropped_scene(scene, corner)])[0]
            apart = (cropped(render([scene])[0], corner) - again).square().mean().sqrt()
            assert apart < 0.08
    assert window_of(32) == 30
