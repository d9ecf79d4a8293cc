import pytest
import torch
from torch import nn

from diptych.models.gan.mlp import MLPDiscriminator, MLPGenerator
from diptych.models.gan.mlp_bn import DropoutDiscriminator, NormalizedMLPGenerator
from diptych.types import TextFeatures

GENERATORS = [MLPGenerator, NormalizedMLPGenerator]
DISCRIMINATORS = [MLPDiscriminator, DropoutDiscriminator]


def text_features(batch: int = 2, dim: int = 6) -> TextFeatures:
    return TextFeatures(torch.randn(batch, dim), torch.randn(batch, 5, 3), torch.ones(batch, 5, dtype=torch.bool))


def kinds(*layers: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in layers]


def linear_dims(network: nn.Module) -> list[tuple[int, int]]:
    return [(m.in_features, m.out_features) for m in network.modules() if isinstance(m, nn.Linear)]


def test_the_first_article_s_generator_has_relu_and_a_sigmoid():
    generator = MLPGenerator()
    assert linear_dims(generator) == [(100, 256), (256, 512), (512, 1024), (1024, 784)]
    assert kinds(*generator.layers) == ["Linear", "ReLU"] * 3 + ["Linear", "Sigmoid"]
    latents = torch.randn(3, 100)
    torch.testing.assert_close((generator(latents).flatten(1) + 1) / 2, generator.layers(latents))


def test_the_first_article_s_discriminator_has_relu_and_no_sigmoid():
    discriminator = MLPDiscriminator()
    assert linear_dims(discriminator) == [(784, 512), (512, 256), (256, 1)]
    layers = [*discriminator.encoder, *discriminator.head]
    assert kinds(*layers) == ["Flatten", "Linear", "ReLU", "Linear", "ReLU", "Linear"]
    images = torch.randn(3, 1, 28, 28)
    torch.testing.assert_close(discriminator(images), nn.Sequential(*layers)(images).squeeze(1))


def test_the_fifth_article_s_generator_has_normalised_layers_and_tanh():
    generator = NormalizedMLPGenerator()
    assert linear_dims(generator) == [(100, 256), (256, 512), (512, 1024), (1024, 784)]
    assert kinds(*generator.layers) == ["Linear", "BatchNorm1d", "LeakyReLU"] * 3 + ["Linear", "Tanh"]
    assert [m.bias is not None for m in generator.layers if isinstance(m, nn.Linear)] == [False, True, True, True]
    assert {m.negative_slope for m in generator.layers if isinstance(m, nn.LeakyReLU)} == {0.3}


def test_the_fifth_article_s_discriminator_has_strided_convolutions_and_dropout():
    discriminator = DropoutDiscriminator()
    layers = list(discriminator.encoder)
    assert kinds(*layers) == ["Conv2d", "LeakyReLU", "Dropout"] * 2 + ["Flatten"]
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels) for c in convolutions] == [(1, 64), (64, 128)]
    assert {(c.kernel_size, c.stride) for c in convolutions} == {((5, 5), (2, 2))}
    assert {layer.p for layer in layers if isinstance(layer, nn.Dropout)} == {0.3}
    assert (discriminator.head.in_features, discriminator.head.out_features) == (7 * 7 * 128, 1)


@pytest.mark.parametrize(("image_size", "channels"), [(28, 1), (32, 3), (30, 3)])
@pytest.mark.parametrize("discriminator", DISCRIMINATORS)
@pytest.mark.parametrize("generator", GENERATORS)
def test_any_image_size_and_a_sentence_fit(generator, discriminator, image_size: int, channels: int):
    sizes = {"image_size": image_size, "image_channels": channels, "condition_dim": 6}
    text = text_features()
    images = generator(**sizes)(torch.randn(2, 100), text)
    assert images.shape == (2, channels, image_size, image_size)
    assert images.abs().max() <= 1
    assert discriminator(**sizes)(images, text).shape == (2,)


@pytest.mark.parametrize("discriminator", DISCRIMINATORS)
def test_the_logit_of_a_pair_is_no_sum_of_picture_and_sentence(discriminator):
    judge = discriminator(condition_dim=6).eval()
    images = torch.randn(1, 1, 28, 28), torch.randn(1, 1, 28, 28)
    texts = text_features(1), text_features(1)
    (a, b), (c, d) = ([judge(image, text) for text in texts] for image in images)
    assert abs(float((a - b - c + d).detach())) > 1e-6


@pytest.mark.parametrize("generator", GENERATORS)
def test_the_sentence_changes_the_picture(generator):
    generator, latents = generator(condition_dim=6).eval(), torch.randn(2, 100)
    assert not torch.equal(generator(latents, text_features()), generator(latents, text_features()))
