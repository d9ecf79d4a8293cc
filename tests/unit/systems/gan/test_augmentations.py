"""Each change of what the discriminator sees: closed forms, derivatives, and what it leaves as it is."""

import math

import pytest
import torch
from torch.nn import functional as F

from diptych.systems.gan.augmentations.base import Composition
from diptych.systems.gan.augmentations.colour import Brightness, Contrast, Hue, Saturation
from diptych.systems.gan.augmentations.cutout import Cutout
from diptych.systems.gan.augmentations.diffaugment import DiffAugment
from diptych.systems.gan.augmentations.geometry import Flip, QuarterTurn, Rotation, Scaling, Translation
from diptych.systems.gan.augmentations.instance_noise import InstanceNoise
from diptych.systems.gan.augmentations.views import Augmentations, View
from diptych.systems.schedules import Linear

STRENGTHS = {
    Brightness: 0.5,
    Saturation: 1.0,
    Contrast: 0.5,
    Hue: 1.0,
    Translation: 0.25,
    Scaling: 0.2,
    Rotation: 30.0,
    Flip: 1.0,
    QuarterTurn: 1.0,
    Cutout: 0.5,
}
each_operation = pytest.mark.parametrize("kind", STRENGTHS)


def images_of(number=3, side=8, channels=3):
    return torch.rand(number, channels, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def numbers_of(augmentation, images, seed=2):
    shape = len(images), augmentation.num_numbers(images.shape)
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def constant(value, images, number=1):
    return torch.full((len(images), number), value, dtype=torch.float64)


@each_operation
def test_no_strength_is_no_change(kind):
    images, operation = images_of(), kind(strength=0.0)
    torch.testing.assert_close(operation(images, numbers_of(operation, images)), images)


@each_operation
def test_gradients_are_those_of_finite_differences_and_can_be_derived_again(kind):
    """Penalties on gradients go through augmentations twice."""
    images, operation = images_of(2, 4), kind(strength=STRENGTHS[kind])
    numbers = numbers_of(operation, images)
    bent = lambda given: operation(given, numbers).sin()  # noqa: E731  (the changes alone are linear)
    assert torch.autograd.gradcheck(bent, images.requires_grad_())
    assert torch.autograd.gradgradcheck(bent, images)


@each_operation
def test_an_image_depends_on_its_own_numbers_alone(kind):
    images, operation = images_of(), kind(strength=STRENGTHS[kind])
    numbers = numbers_of(operation, images)
    together = operation(images, numbers)
    alone = torch.cat([operation(images[i : i + 1], numbers[i : i + 1]) for i in range(len(images))])
    assert torch.equal(together, alone)
    assert not torch.equal(together, images)


def test_brightness_is_added():
    images = images_of()
    torch.testing.assert_close(Brightness(strength=0.5)(images, constant(0.75, images)), images + 0.25)


def test_saturation_scales_differences_from_grey_and_contrast_those_from_the_mean():
    images = images_of()
    grey, mean = images.mean(1, keepdim=True), images.mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(Saturation(strength=1.0)(images, constant(0.0, images)), grey.expand_as(images))
    torch.testing.assert_close(Contrast(strength=0.5)(images, constant(0.75, images)), mean + 1.25 * (images - mean))


def test_a_third_of_a_turn_of_hue_exchanges_the_channels():
    images = images_of()
    third = Hue(strength=2 / 3)(images, constant(1.0, images))  # 2/3 of half a turn
    torch.testing.assert_close(third, images.roll(1, 1))
    single = images_of(channels=1)
    assert torch.equal(Hue(strength=1.0)(single, constant(0.9, single)), single)


@pytest.mark.parametrize(("down", "right"), [(2, -1), (0, 2), (-2, 0)])
def test_a_translation_is_a_shift(down, right):
    images, most = images_of(), 2
    numbers = torch.tensor([[(down + most + 0.5) / 5, (right + most + 0.5) / 5]]).repeat(len(images), 1)
    padded = F.pad(images, (most,) * 4)
    expected = padded[:, :, most - down : most - down + 8, most - right : most - right + 8]
    assert torch.equal(Translation(strength=0.25)(images, numbers), expected)


def test_all_shifts_are_equally_likely_and_none_is_larger_than_asked():
    dot = torch.zeros(9000, 1, 5, 5)
    dot[:, :, 2, 2] = 1
    numbers = torch.rand(9000, 2, generator=torch.Generator().manual_seed(0))
    numbers[0] = 1 - 2**-24  # the largest number there is
    where = Translation(strength=0.2)(dot, numbers).sum((0, 1))
    assert where.sum() == 9000
    assert where[1:4, 1:4].sum() == 9000
    assert where[1:4, 1:4].min() > 900


def test_scaling_and_rotation_are_those_of_torch_with_zeros_around():
    images, operation = images_of(), Scaling(strength=0.25)
    larger = operation(images, constant(1.0, images))
    torch.testing.assert_close(larger, sampled(images, 1 / 1.25, 0.0))
    turned = Rotation(strength=30.0)(images, constant(1.0, images))
    torch.testing.assert_close(turned, sampled(images, 1.0, math.radians(30)))


def sampled(images, factor, angle):
    cosine, sine = factor * math.cos(angle), factor * math.sin(angle)
    matrix = torch.tensor([[[cosine, -sine, 0], [sine, cosine, 0]]], dtype=images.dtype).expand(len(images), -1, -1)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def test_flips_and_quarter_turns_move_pixels_and_change_none():
    images = images_of()
    assert torch.equal(Flip(strength=0.5)(images, constant(0.4, images)), images.flip(3))
    assert torch.equal(Flip(strength=0.5)(images, constant(0.6, images)), images)
    for number, turns in ((0.1, 1), (0.5, 2), (0.9, 3)):
        assert torch.equal(QuarterTurn(strength=1.0)(images, constant(number, images)), images.rot90(turns, (2, 3)))


def test_cutout_hides_one_square():
    images = images_of() + 1
    seen = Cutout(strength=0.5)(images, constant(0.5, images, 2))
    expected = images.clone()
    expected[:, :, 2:6, 2:6] = 0
    assert torch.equal(seen, expected)
    corner = Cutout(strength=0.5)(images, constant(0.0, images, 2))
    assert (corner == 0).sum() == 3 * 3 * 2 * 2


def test_noise_is_normal_and_follows_its_schedule():
    noise, images = InstanceNoise(std=0.5, schedule=Linear(total_images=100)), torch.zeros(64, 3, 16, 16)
    numbers = torch.rand(64, 768, generator=torch.Generator().manual_seed(0))
    numbers[0, 0], numbers[0, 1] = 0.0, 1 - 2**-24
    seen = noise(images, numbers, 50) / 0.25
    assert seen.isfinite().all()
    moments = [float(seen.pow(k).mean()) for k in (1, 2, 3, 4)]
    assert moments == pytest.approx([0, 1, 0, 3], abs=0.1)
    assert torch.equal(noise(images, numbers, 100), images)
    assert torch.equal(InstanceNoise(std=0.5)(images, numbers, 0), InstanceNoise(std=0.5)(images, numbers, 99))


def test_diffaugment_is_its_policy_in_the_articles_order():
    images = images_of()
    augmentation = DiffAugment(policy=["translation", "color"], translation=0.25)
    numbers = numbers_of(augmentation, images)
    expected = Translation(strength=0.25)(images, numbers[:, :2])
    for i, (operation, strength) in enumerate(((Brightness, 0.1), (Saturation, 0.2), (Contrast, 0.1))):
        expected = operation(strength=strength)(expected, numbers[:, 2 + i : 3 + i])
    torch.testing.assert_close(augmentation(images, numbers), expected)


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (lambda: DiffAugment(policy=["colour"]), r"'colour' is none of color, translation, cutout"),
        (lambda: DiffAugment(policy=[]), r"policy=\[\] changes nothing"),
        (lambda: DiffAugment(may_break=["left"]), r"may_break=\['left'\]: 'left' is none of colour, size"),
        (lambda: Brightness(strength=-0.1), r"Brightness: strength=-0.1 is negative"),
        (lambda: InstanceNoise(std=-1.0), r"std=-1.0 is negative"),
    ],
)
def test_impossible_settings_are_refused(refused, message):
    with pytest.raises(ValueError, match=message):
        refused()


def test_half_precision_images_are_seen_in_full():
    augmentation = Composition([Rotation(strength=5.0), Brightness(strength=0.2), InstanceNoise()])
    images = images_of().bfloat16()
    view = View(augmentation, numbers_of(augmentation, images).float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen = view(images)
    assert seen.dtype == torch.float32
    assert torch.equal(seen, view(images.float()))


def test_without_augmentations_nothing_is_drawn_and_nothing_is_changed():
    rng, images = torch.Generator().manual_seed(0), images_of()
    before = rng.get_state()
    views = Augmentations().views(images, rng=rng, images_seen=0)
    assert torch.equal(rng.get_state(), before)
    assert views.real(images) is images
    assert views.fake(images) is images


def test_real_and_generated_images_are_changed_apart():
    rng, images = torch.Generator().manual_seed(0), images_of().float()
    views = Augmentations({"diffaugment": DiffAugment()}).views(images, rng=rng, images_seen=0)
    assert not torch.equal(views.real(images), views.fake(images))
    assert torch.equal(views.real(images), views.real(images))
