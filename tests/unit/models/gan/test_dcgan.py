import pytest
import torch
from torch import nn

from diptych.models.gan.dcgan import DCGANDiscriminator, DCGANGenerator, base_and_halvings
from diptych.types import TextFeatures

SIZES = [(28, 1), (32, 3), (64, 3), (128, 3)]


def num_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def text_features(batch: int, dim: int) -> TextFeatures:
    return TextFeatures(torch.randn(batch, dim), torch.randn(batch, 5, 3), torch.ones(batch, 5, dtype=torch.bool))


def described(layer: nn.Module) -> tuple:
    """The layer in the notation and order of the article's code."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        settings = (layer.kernel_size, layer.stride, layer.padding)
        assert all(height == width for height, width in settings)
        shape = (layer.in_channels, layer.out_channels, *(height for height, _ in settings))
        return (type(layer).__name__, *shape, layer.bias is not None)
    if isinstance(layer, nn.BatchNorm2d):
        return ("BatchNorm2d", layer.num_features, layer.eps, layer.momentum, layer.affine)
    if isinstance(layer, nn.LeakyReLU):
        return ("LeakyReLU", layer.negative_slope)
    return (type(layer).__name__,)


def normalised(channels: int) -> tuple:
    return ("BatchNorm2d", channels, 1e-5, 0.1, True)


ARTICLE_GENERATOR = [
    ("ConvTranspose2d", 100, 512, 4, 1, 0, False),
    normalised(512),
    ("ReLU",),
    ("ConvTranspose2d", 512, 256, 4, 2, 1, False),
    normalised(256),
    ("ReLU",),
    ("ConvTranspose2d", 256, 128, 4, 2, 1, False),
    normalised(128),
    ("ReLU",),
    ("ConvTranspose2d", 128, 64, 4, 2, 1, False),
    normalised(64),
    ("ReLU",),
    ("ConvTranspose2d", 64, 3, 4, 2, 1, False),
    ("Tanh",),
]
ARTICLE_DISCRIMINATOR = [
    ("Conv2d", 3, 64, 4, 2, 1, False),
    ("LeakyReLU", 0.2),
    ("Conv2d", 64, 128, 4, 2, 1, False),
    normalised(128),
    ("LeakyReLU", 0.2),
    ("Conv2d", 128, 256, 4, 2, 1, False),
    normalised(256),
    ("LeakyReLU", 0.2),
    ("Conv2d", 256, 512, 4, 2, 1, False),
    normalised(512),
    ("LeakyReLU", 0.2),
    ("Conv2d", 512, 1, 4, 1, 0, False),
]


def test_the_generator_is_the_article_layer_for_layer():
    generator = DCGANGenerator()
    assert [described(layer) for layer in generator.layers] == ARTICLE_GENERATOR
    assert num_parameters(generator) == 3_576_704


def test_the_discriminator_is_the_article_layer_for_layer_without_its_sigmoid():
    discriminator = DCGANDiscriminator()
    assert [described(layer) for layer in [*discriminator.layers, discriminator.head]] == ARTICLE_DISCRIMINATOR
    assert num_parameters(discriminator) == 2_765_568
    assert not any(isinstance(module, nn.Sigmoid) for module in discriminator.modules())


def test_the_discriminator_computes_its_layers_in_order_and_nothing_else():
    discriminator, images = DCGANDiscriminator().eval(), torch.randn(2, 3, 64, 64)
    layers = [*discriminator.layers, discriminator.head]
    torch.testing.assert_close(discriminator(images), nn.Sequential(*layers)(images).flatten())


@pytest.mark.parametrize("condition_dim", [0, 6])
@pytest.mark.parametrize(("image_size", "channels"), SIZES)
def test_generator_and_discriminator_fit_every_size(image_size: int, channels: int, condition_dim: int):
    sizes = {"image_size": image_size, "image_channels": channels, "condition_dim": condition_dim, "width": 4}
    text = text_features(2, condition_dim) if condition_dim else None
    images = DCGANGenerator(**sizes)(torch.randn(2, 100), text)
    assert images.shape == (2, channels, image_size, image_size)
    assert images.abs().max() <= 1
    assert DCGANDiscriminator(**sizes)(images, text).shape == (2,)


@pytest.mark.parametrize(("image_size", "expected"), [(28, (7, 2)), (32, (4, 3)), (64, (4, 4)), (128, (4, 5))])
def test_the_smallest_grid_is_four_or_seven_pixels(image_size: int, expected: tuple[int, int]):
    assert base_and_halvings(image_size) == expected


@pytest.mark.parametrize("image_size", [0, 4, 7, 30, 48, 65])
def test_other_sizes_are_refused_by_name(image_size: int):
    with pytest.raises(ValueError, match=f"image_size={image_size}"):
        DCGANGenerator(image_size=image_size)


def test_the_sentence_changes_the_picture_and_the_logit():
    generator = DCGANGenerator(image_size=32, condition_dim=6, width=4).eval()
    discriminator = DCGANDiscriminator(image_size=32, condition_dim=6, width=4).eval()
    latents, images = torch.randn(2, 100), torch.randn(2, 3, 32, 32)
    one, other = text_features(2, 6), text_features(2, 6)
    assert not torch.equal(generator(latents, one), generator(latents, other))
    assert not torch.equal(discriminator(images, one), discriminator(images, other))


def test_the_logit_of_a_pair_is_no_sum_of_picture_and_sentence():
    """Otherwise the discriminator could not know which picture a sentence belongs to."""
    discriminator = DCGANDiscriminator(image_size=32, condition_dim=6, width=4).eval()
    images = torch.randn(1, 3, 32, 32), torch.randn(1, 3, 32, 32)
    texts = text_features(1, 6), text_features(1, 6)
    (a, b), (c, d) = ([discriminator(image, text) for text in texts] for image in images)
    assert abs(float((a - b - c + d).detach())) > 1e-6


def test_scoring_shared_features_is_scoring_the_picture():
    discriminator = DCGANDiscriminator(image_size=28, image_channels=1, condition_dim=6, width=4).eval()
    images, text = torch.randn(2, 1, 28, 28), text_features(2, 6)
    features = discriminator.encode(images)
    assert discriminator.embed(features).shape == text.sentence.shape
    torch.testing.assert_close(discriminator.score(features, text), discriminator(images, text))


def test_the_paper_initialisation_has_its_standard_deviation():
    torch.manual_seed(0)
    for network in (DCGANGenerator(initial_std=0.02), DCGANDiscriminator(initial_std=0.02)):
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                assert float(module.weight.detach().std()) == pytest.approx(0.02, rel=0.1)
            if isinstance(module, nn.BatchNorm2d):
                assert float(module.weight.detach().mean()) == pytest.approx(1, abs=0.02)
                assert not module.bias.any()
