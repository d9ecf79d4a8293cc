"""What each operation does to pixels and scenes, and which strengths it takes."""

from random import Random

import pytest
import torch

from diptych.data.augmentation.choice import OPERATIONS, operations_of
from diptych.data.augmentation.colour import Colour, Grey, Hue
from diptych.data.augmentation.geometry import Crop, Flip, Rotation
from diptych.data.augmentation.operation import CLAIMS, LETTERS, SIDE
from diptych.data.augmentation.scenes import shows_the_same
from diptych.systems.gan.augmentations import colour as of_discriminators
from diptych.systems.gan.augmentations import geometry
from diptych.systems.gan.augmentations.base import ASPECTS
from diptych.world import Judge, WorldSpec, render, sample_scene

WORLD = WorldSpec(min_objects=1)
USUAL = [kind(kind.USUAL) for kind in OPERATIONS.values()]
EXTREMES = [kind(bound) for kind in OPERATIONS.values() for bound in kind.RANGE]


def scenes(number: int, world: WorldSpec = WORLD):
    rng = Random(0)
    return [sample_scene(world, rng) for _ in range(number)]


def pictures() -> torch.Tensor:
    return torch.rand(3, 24, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1


def drawn(operation, scene=None, side=24):
    """The numbers of a change, from the first generator that gives one; None where none does."""
    return next((n for n in (operation.draw(Random(i), side, scene) for i in range(50)) if n is not None), None)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("operation", [*USUAL, *EXTREMES], ids=lambda op: f"{op.name} {op.strength:g}")
def test_a_changed_picture_keeps_its_shape_and_its_range(operation, channels):
    numbers = drawn(operation)
    if numbers is None:
        assert operation.strength == (1 if operation.name == "crop" else 0)
        return
    for image in (pictures()[:channels], torch.ones(channels, 24, 24), -torch.ones(channels, 24, 24)):
        changed = operation.apply(image, numbers)
        assert changed.shape == image.shape
        assert changed.abs().max() <= 1 + 1e-5
        assert torch.equal(changed, operation.apply(image.clone(), numbers))


@pytest.mark.parametrize("operation", [op for op in USUAL if op.name in ("flip", "crop", "rotation", "blur")])
def test_changes_of_places_leave_a_plain_picture_plain(operation):
    plain = torch.full((3, 24, 24), 0.3)
    torch.testing.assert_close(operation.apply(plain, drawn(operation)), plain)


def test_a_mirror_image_of_a_mirror_image_is_the_picture():
    assert torch.equal(Flip(1).apply(Flip(1).apply(pictures(), ()), ()), pictures())


def test_the_mirrored_scene_is_the_one_in_the_mirror_image():
    for scene in scenes(20):
        image = Flip(1).apply(render([scene])[0], ())
        torch.testing.assert_close(image, render([Flip(1).moved(scene, ())])[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("operation", [Crop(0.5), Rotation(5)])
def test_the_judge_finds_the_objects_where_the_changed_scene_has_them(operation):
    judge, changed, images = Judge(WORLD), [], []
    for scene in scenes(24):
        numbers = operation.draw(Random(3), 32, scene)
        if numbers is not None and shows_the_same(scene, operation.moved(scene, numbers)):
            changed.append(operation.moved(scene, numbers))
            images.append(operation.apply(render([scene])[0], numbers))
    assert len(images) >= 8
    for scene, reading in zip(changed, judge.read(torch.stack(images)), strict=True):
        places = sorted((thing.x, thing.y) for thing in scene.objects)
        found = sorted((thing.x, thing.y) for thing in reading.scene.objects)
        torch.testing.assert_close(torch.tensor(found), torch.tensor(places), atol=0.7, rtol=0)


@pytest.mark.parametrize("strength", [0.05, 0.5, 0.9])
def test_crops_of_scenes_keep_every_object_whole_and_of_its_size(strength):
    operation, count = Crop(strength), 0
    for seed, scene in enumerate([*scenes(200), *scenes(50, WorldSpec(max_objects=4, side=64))]):
        numbers = operation.draw(Random(seed), scene.side, scene)
        count += numbers is not None
        assert numbers is None or shows_the_same(scene, operation.moved(scene, numbers))
    assert count > 50


def test_crops_keep_the_asked_share_and_aspect_and_lie_inside():
    operation, windows = Crop(0.4), []
    for seed in range(500):
        left, top, width, height = operation.draw(Random(seed), 1000, None)
        assert min(left, top) >= 0
        assert max(left + width, top + height) <= 1 + 1e-9
        windows.append((width * height, width / height))
    areas, aspects = zip(*windows, strict=True)
    assert (min(areas), max(areas)) == pytest.approx((0.4, 1), abs=0.01)
    assert (min(aspects), max(aspects)) == pytest.approx((3 / 4, 4 / 3), rel=0.03)


def test_grey_pictures_have_equal_channels_and_keep_grey_ones():
    grey = Grey(1).apply(pictures(), ())
    assert grey[0].equal(grey[1])
    torch.testing.assert_close(Grey(1).apply(grey, ()), grey, atol=1e-3, rtol=0)
    torch.testing.assert_close(Hue(0.5).apply(grey, (0.3,)), grey, atol=1e-5, rtol=0)


def test_shares_of_pictures_are_as_asked():
    for kind in (Flip, Grey):
        share = sum(kind(0.3).draw(Random(i), 24, None) is not None for i in range(2000)) / 2000
        assert share == pytest.approx(0.3, abs=0.03)


def test_the_limits_and_words_are_those_of_what_discriminators_see():
    assert frozenset(ASPECTS) | {SIDE, LETTERS} == CLAIMS
    assert Rotation.SAFE == geometry.Rotation.SAFE
    assert Colour.SAFE == of_discriminators.Saturation.SAFE == of_discriminators.Contrast.SAFE
    assert Colour.SAFE == of_discriminators.Brightness.SAFE
    assert Flip.SAFE == geometry.Flip.SAFE == Hue.SAFE == of_discriminators.Hue.SAFE == 0
    assert 1 - Crop.SAFE <= geometry.Translation.SAFE


def test_up_to_its_limit_an_operation_breaks_nothing_of_scenes_and_beyond_it_does():
    for name, kind in OPERATIONS.items():
        if kind.SAFE:
            assert kind(kind.SAFE).breaks_scenes == frozenset()
        elif name != "crop":
            assert kind(kind.USUAL).breaks_scenes
    for name, beyond in {"rotation": 5.1, "colour": 0.21, "blur": 0.021}.items():
        assert OPERATIONS[name](beyond).breaks_scenes
    assert Crop(0.94).breaks
    assert Colour(0.01).breaks == {"colour"}  # a photograph's colours may lie between two names


def test_operations_are_applied_in_one_order_and_may_be_switched_off():
    chosen = operations_of({"blur": True, "flip": True, "crop": 0.7, "hue": None, "grey": False})
    assert [(op.name, op.strength) for op in chosen] == [("flip", 0.5), ("crop", 0.7), ("blur", 0.02)]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"flips": True}, r"data\.augmentation\.flips: there is no such operation; choose of \{flip: 0\.5, crop: 0\.8"),
        ({"crop": 1.5}, r"data\.augmentation\.crop=1\.5: this is the least share of the area .* give 0\.05 to 1"),
        ({"rotation": -1}, r"data\.augmentation\.rotation=-1: .* give 0 to 45"),
        ({"colour": float("nan")}, r"data\.augmentation\.colour=nan"),
        ({"blur": "strong"}, r"data\.augmentation\.blur='strong': give a number .* true or false"),
        ({"flip": [0.5]}, r"data\.augmentation\.flip=\[0\.5\]: give a number"),
        (["flip"], r"data\.augmentation=\['flip'\]: name operations and strengths"),
        ("flip", r"data\.augmentation='flip': name operations"),
    ],
)
def test_what_is_no_operation_or_strength_is_refused(chosen, message):
    with pytest.raises(ValueError, match=message):
        operations_of(chosen)
