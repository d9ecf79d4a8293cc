import pytest
import torch

from diptych.models.gan.layered import LayeredGenerator, PatchDecoder
from diptych.types import TextFeatures

SMALL = {"image_size": 32, "patch_size": 8, "look_dim": 8, "hidden_dim": 16, "patch_widths": (8, 8)}


def features(number, dim=6):
    return TextFeatures(torch.randn(number, dim), torch.randn(number, 3, 4), torch.ones(number, 3, dtype=torch.bool))


@pytest.fixture
def generator():
    return LayeredGenerator(condition_dim=6, **SMALL)


@pytest.mark.parametrize("size", [28, 32, 64])
def test_pictures_have_the_datas_size_and_range(size):
    generator = LayeredGenerator(condition_dim=6, **{**SMALL, "image_size": size})
    images = generator(torch.randn(3, generator.latent_dim), features(3))
    assert images.shape == (3, 3, size, size)
    assert images.abs().max() <= 1


def test_every_parameter_learns(generator):
    generator(torch.randn(4, generator.latent_dim), features(4)).square().sum().backward()
    assert not [name for name, p in generator.named_parameters() if p.grad is None or not p.grad.any()]


def test_latents_move_objects_and_sentences_change_them(generator):
    generator.eval()
    latents, text = torch.randn(1, generator.latent_dim), features(1)
    image = generator(latents, text)
    assert not torch.allclose(image, generator(torch.randn_like(latents), text))
    assert not torch.allclose(image, generator(latents, features(1)))


def test_slots_start_apart_along_the_diagonal(generator):
    """Then upper and left objects belong to the first slot before training."""
    poses = generator.pose(torch.zeros(200, 16), torch.randn(200, generator.latent_dim)).unflatten(0, (200, 2))
    first, second = poses.mean(0)[:, :2]
    assert (second - first > 0.5).all()


def test_latents_never_change_the_appearance_of_a_layer(generator):
    """Appearances come from the sentence alone, so noise moves objects and never recolours them."""
    generator.eval()
    text = features(1)
    looks = [generator.look(generator.mapping(text.sentence)) for _ in torch.randn(2, generator.latent_dim)]
    patches = [generator.draw(look.unflatten(1, (2, -1)).flatten(0, 1)) for look in looks]
    torch.testing.assert_close(*patches)


def test_a_pose_moves_a_patch_by_its_number_of_pixels(generator):
    patch = torch.ones(1, 4, 8, 8)
    here = generator._place(patch, torch.zeros(1, 3))
    shift = torch.atanh(torch.tensor(4 / 16 / 0.8))
    there = generator._place(patch, torch.tensor([[shift, 0.0, 0.0]]))
    torch.testing.assert_close(there[..., 4:], here[..., :-4], rtol=0, atol=1e-4)


def test_transparent_layers_show_the_background(generator):
    generator.eval()
    torch.nn.init.constant_(generator.draw.blocks[-1].bias, -30.0)
    torch.nn.init.constant_(generator.background, 0.5)
    images = generator(torch.randn(2, generator.latent_dim), features(2))
    torch.testing.assert_close(images, torch.full_like(images, 0.5).tanh(), rtol=0, atol=1e-4)


def test_opacity_is_between_0_and_1_and_limits_the_colour():
    drawn = PatchDecoder(4, 3, 8, (8, 8))(torch.randn(5, 4))
    colour, opacity = drawn[:, :3], drawn[:, 3:]
    assert (opacity >= 0).all()
    assert (opacity <= 1).all()
    assert (colour.abs() <= opacity + 1e-6).all()


def test_unconditional_pictures_come_from_latents_alone():
    generator = LayeredGenerator(**SMALL).eval()
    latents = torch.randn(2, generator.latent_dim)
    torch.testing.assert_close(generator(latents), generator(latents, None))
    assert not torch.allclose(*generator(latents))


def test_a_patch_that_cannot_be_doubled_twice_is_refused():
    with pytest.raises(ValueError, match="patch_size=10"):
        LayeredGenerator(**{**SMALL, "patch_size": 10})
