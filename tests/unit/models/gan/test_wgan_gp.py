"""WGAN-GP's residual networks (Gulrajani et al. 2017) against the layers of the article's code."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from diptych.models.gan.wgan_gp import DoublingBlock, HalvingBlock, PlainBlock, WGANGPCritic, WGANGPGenerator
from diptych.types import TextFeatures

SIZES = [(28, 1), (32, 3), (64, 3)]
CONDITION = 6


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def text_of(sentence: torch.Tensor) -> TextFeatures:
    rows = len(sentence)
    return TextFeatures(sentence, torch.zeros(rows, 3, 2), torch.ones(rows, 3, dtype=torch.bool))


def num_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_article_s_networks_have_the_parameters_of_the_article_s_code():
    """`gan_cifar_resnet.py` of igul222/improved_wgan_training, DIM_G = DIM_D = 128, neither labels nor AC-GAN."""
    conv3, conv1, norm = 128 * 128 * 9 + 128, 128 * 128 + 128, 2 * 128
    up = 2 * norm + 2 * conv3 + conv1
    generator = (128 * 2048 + 2048) + 3 * up + norm + (128 * 3 * 9 + 3)
    reading = (3 * 128 * 9 + 128) + conv3 + (3 * 128 + 128)
    critic = reading + (2 * conv3 + conv1) + 2 * (2 * conv3) + (128 + 1)
    with torch.device("meta"):
        assert num_parameters(WGANGPGenerator()) == generator == 1_204_483
        assert num_parameters(WGANGPCritic()) == critic == 1_053_825


@pytest.mark.parametrize("condition_dim", [0, CONDITION])
@pytest.mark.parametrize(("image_size", "channels"), SIZES)
def test_generator_and_critic_fit_every_size(image_size, channels, condition_dim):
    sizes = {"image_size": image_size, "image_channels": channels, "condition_dim": condition_dim, "width": 4}
    text = text_of(torch.randn(2, condition_dim)) if condition_dim else None
    images = WGANGPGenerator(**sizes)(torch.randn(2, 128), text)
    assert images.shape == (2, channels, image_size, image_size)
    assert images.abs().max() <= 1
    assert WGANGPCritic(**sizes)(images, text).shape == (2,)


@pytest.mark.parametrize("image_size", [4, 30, 48])
@pytest.mark.parametrize("network", [WGANGPGenerator, WGANGPCritic])
def test_other_sizes_are_refused_by_name(network, image_size):
    with pytest.raises(ValueError, match=f"image_size={image_size}"):
        network(image_size=image_size)


@pytest.mark.parametrize(("image_size", "halvings"), [(28, 2), (32, 2), (64, 3), (128, 4)])
def test_the_critic_halves_to_eight_pixels_and_has_two_plain_blocks_there(image_size, halvings):
    blocks = WGANGPCritic(image_size=image_size, width=4).blocks
    assert [type(block) for block in blocks] == [HalvingBlock] * halvings + [PlainBlock] * 2


def test_a_doubling_block_upsamples_before_its_first_convolution_and_its_shortcut():
    block, planes = DoublingBlock(4, 0), torch.randn(3, 4, 5, 5)
    first, second = block.norms
    hidden = F.interpolate(F.relu(first(planes)), scale_factor=2.0)
    hidden = F.conv2d(hidden, block.first.weight, block.first.bias, padding=1)
    hidden = block.second(F.relu(second(hidden)))
    torch.testing.assert_close(block(planes, None), hidden + block.shortcut(F.interpolate(planes, scale_factor=2.0)))


@pytest.mark.parametrize("reads_pixels", [False, True])
def test_a_halving_block_pools_after_its_second_convolution_and_its_shortcut(reads_pixels):
    block, planes = HalvingBlock(4, 4, reads_pixels=reads_pixels), torch.randn(3, 4, 6, 6)
    hidden = F.relu(block.first(planes if reads_pixels else F.relu(planes)))
    hidden = F.conv2d(hidden, block.second.weight, block.second.bias, padding=1)
    torch.testing.assert_close(block(planes), F.avg_pool2d(hidden + block.shortcut(planes), 2))


def test_the_generator_is_normalised_and_the_critic_is_not():
    generator, critic = WGANGPGenerator(width=4), WGANGPCritic(width=4)
    assert sum(isinstance(module, _BatchNorm) for module in generator.modules()) == 3 * 2 + 1
    assert not [module for module in critic.modules() if "Norm" in type(module).__name__]


def test_the_critic_sees_each_image_by_itself():
    critic, images = WGANGPCritic(width=4, condition_dim=CONDITION), torch.randn(4, 3, 32, 32)
    sentences = torch.randn(4, CONDITION)
    together = critic(images, text_of(sentences))
    torch.testing.assert_close(together[1:2], critic(images[1:2], text_of(sentences[1:2])))


def test_the_critic_takes_the_mean_of_its_last_grid():
    critic, images = WGANGPCritic(width=4), torch.randn(2, 3, 32, 32)
    grid = critic.blocks(images)
    assert grid.shape == (2, 4, 8, 8)
    torch.testing.assert_close(critic.encode(images), grid.relu().mean(dim=(2, 3)))


def test_a_sentence_sets_gains_and_shifts_and_latents_do_not():
    """The normalisations inside blocks are conditional, the last one is not, and latents enter once."""
    block, planes = DoublingBlock(4, CONDITION), torch.randn(3, 4, 5, 5)
    assert not torch.equal(block(planes, torch.randn(3, CONDITION)), block(planes, torch.randn(3, CONDITION)))
    generator = WGANGPGenerator(width=4, condition_dim=CONDITION, condition_width=5, latent_dim=7)
    assert generator.first.in_features == 7
    assert {norm.affine.in_features for block in generator.blocks for norm in block.norms} == {5}
    assert isinstance(generator.to_pixels[0], nn.BatchNorm2d)


def test_latents_and_sentence_both_change_the_picture():
    generator = WGANGPGenerator(width=4, condition_dim=CONDITION).eval()
    latents, sentence = torch.randn(1, 128), torch.randn(1, CONDITION)
    picture = generator(latents, text_of(sentence))
    assert not torch.allclose(picture, generator(-latents, text_of(sentence)))
    assert not torch.allclose(picture, generator(latents, text_of(torch.randn(1, CONDITION))))


def test_the_logit_of_a_pair_is_no_sum_of_picture_and_sentence():
    critic = WGANGPCritic(width=4, condition_dim=CONDITION)
    images = torch.randn(1, 3, 32, 32), torch.randn(1, 3, 32, 32)
    texts = text_of(torch.randn(1, CONDITION)), text_of(torch.randn(1, CONDITION))
    (a, b), (c, d) = ([critic(image, text) for text in texts] for image in images)
    assert abs(float((a - b - c + d).detach())) > 1e-6


def test_what_the_sentence_adds_is_the_product_with_the_embedding():
    critic, images = WGANGPCritic(width=4, condition_dim=CONDITION), torch.randn(3, 3, 32, 32)
    sentence = F.layer_norm(torch.randn(3, CONDITION), (CONDITION,))
    features = critic.encode(images)
    said = critic.score(features, text_of(sentence)) - critic.head(features).squeeze(1)
    torch.testing.assert_close(said, (critic.embed(features) * sentence).sum(1) / CONDITION**0.5, atol=1e-4, rtol=1e-3)


def test_weights_have_the_variance_of_the_article_s_code():
    """4 / (fan-in + fan-out) behind a rectifier, half of it elsewhere; uniform; biases zero."""
    generator = WGANGPGenerator(latent_dim=64, width=64)
    block = generator.blocks[0]
    fans = {block.first: 4 / (2 * 64 * 9), block.second: 4 / (2 * 64 * 9), block.shortcut: 2 / (2 * 64)}
    for layer, variance in {**fans, generator.first: 2 / (64 + 64 * 16)}.items():
        weight = layer.weight.detach()
        assert float(weight.var()) == pytest.approx(variance, rel=0.1)
        assert float(weight.abs().max()) <= (3 * variance) ** 0.5 * (1 + 1e-6)
        assert not layer.bias.detach().any()


def test_without_sentences_there_is_no_embedding():
    critic = WGANGPCritic(width=4)
    with pytest.raises(AssertionError, match="has no embedding"):
        critic.embed(critic.encode(torch.randn(2, 3, 32, 32)))


def test_spectral_normalisation_is_an_option():
    critic = WGANGPCritic(width=4, condition_dim=CONDITION, spectral_norm=True)
    layers = [module for module in critic.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert layers
    assert all(hasattr(layer, "parametrizations") for layer in layers)
    assert critic(torch.randn(2, 3, 32, 32), text_of(torch.randn(2, CONDITION))).shape == (2,)


def test_every_parameter_gets_a_gradient():
    generator, critic = (make(width=4, condition_dim=CONDITION) for make in (WGANGPGenerator, WGANGPCritic))
    text = text_of(torch.randn(3, CONDITION))
    critic(generator(torch.randn(3, 128), text), text).square().sum().backward()
    parameters = [*generator.parameters(), *critic.parameters()]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)
