import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import is_parametrized

from diptych.models.gan.deep_fusion import Affine, DeepFusion, DFGANDiscriminator, DFGANGenerator, DownBlock, UpBlock
from diptych.types import TextFeatures

CONDITION = 6


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def text_of(sentence):
    rows = len(sentence)
    return TextFeatures(sentence, torch.zeros(rows, 3, 2), torch.ones(rows, 3, dtype=torch.bool))


def awake(network):
    """As after some training: what starts at zero is no longer zero."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network


def num_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("image_size", "channels"), [(8, 1), (32, 3), (64, 3)])
def test_generator_and_discriminator_fit_every_size(image_size, channels):
    sizes = {"image_size": image_size, "image_channels": channels, "condition_dim": CONDITION, "width": 2}
    text = text_of(torch.randn(2, CONDITION))
    images = DFGANGenerator(**sizes, latent_dim=5)(torch.randn(2, 5), text)
    assert images.shape == (2, channels, image_size, image_size)
    assert images.abs().max() <= 1
    assert DFGANDiscriminator(**sizes)(images, text).shape == (2,)


@pytest.mark.parametrize("image_size", [0, 4, 28, 48, 65])
@pytest.mark.parametrize("network", [DFGANGenerator, DFGANDiscriminator])
def test_other_sizes_are_refused_by_name(network, image_size):
    with pytest.raises(ValueError, match=rf"image_size={image_size}: .* set data\.image_size=32"):
        network(image_size=image_size, condition_dim=CONDITION)


def test_at_256_pixels_they_have_the_parameters_of_the_authors_code():
    """Counted from github.com/tobran/DF-GAN, commit 78f14fd, code/models/GAN.py with nf 32: NetG; NetD, NetC."""
    with torch.device("meta"):
        generator = DFGANGenerator(image_size=256, condition_dim=256, latent_dim=100, width=32)
        discriminator = DFGANDiscriminator(image_size=256, condition_dim=256, width=32)
    assert num_parameters(generator) == 9_744_131
    unused_shortcuts = 3 * (256 * 256 + 256)
    assert num_parameters(discriminator) == 6_619_206 + 295_936 - unused_shortcuts


def test_the_default_sizes_have_the_parameters_in_their_configs():
    with torch.device("meta"):
        assert num_parameters(DFGANGenerator(condition_dim=256, width=16)) == 952_195
        assert num_parameters(DFGANDiscriminator(condition_dim=256, width=16)) == 488_099


def test_an_affine_transformation_begins_as_the_identity_whatever_is_said():
    planes = torch.randn(2, 4, 3, 3)
    assert torch.equal(Affine(4, CONDITION)(planes, torch.randn(2, CONDITION)), planes)


def test_gain_and_shift_of_each_channel_are_functions_of_the_condition():
    affine, planes, condition = awake(Affine(4, CONDITION)), torch.randn(2, 4, 3, 3), torch.randn(2, CONDITION)
    gains = affine.gain[2](F.relu(affine.gain[0](condition)))
    shifts = affine.shift[2](F.relu(affine.shift[0](condition)))
    expected = torch.stack(
        [torch.stack([planes[i, j] * gains[i, j] + shifts[i, j] for j in range(4)]) for i in range(2)]
    )
    torch.testing.assert_close(affine(planes, condition), expected)


def test_a_fusion_is_two_affine_transformations_with_a_rectifier_after_each():
    fusion, planes, condition = awake(DeepFusion(4, CONDITION)), torch.randn(2, 4, 3, 3), torch.randn(2, CONDITION)
    hidden = F.leaky_relu(fusion.first(planes, condition), 0.2)
    torch.testing.assert_close(fusion(planes, condition), F.leaky_relu(fusion.second(hidden, condition), 0.2))


@pytest.mark.parametrize("outs", [4, 3])
def test_an_up_block_is_the_articles_with_the_doubling_first(outs):
    block, planes, condition = awake(UpBlock(4, outs, CONDITION)), torch.randn(2, 4, 4, 4), torch.randn(2, CONDITION)
    large = F.interpolate(planes, scale_factor=2)
    hidden = block.second(block.second_fusion(block.first(block.first_fusion(large, condition)), condition))
    torch.testing.assert_close(block(planes, condition), hidden + block.shortcut(large))


@pytest.mark.parametrize("outs", [4, 3])
def test_a_down_block_is_the_articles_with_the_halving_last(outs):
    block, planes = awake(DownBlock(4, outs)), torch.randn(2, 4, 8, 8)
    hidden = F.leaky_relu(block.second(F.leaky_relu(block.first(planes), 0.2)), 0.2)
    torch.testing.assert_close(block(planes), F.avg_pool2d(block.shortcut(planes), 2) + block.gain * hidden)


def test_a_down_block_begins_as_its_shortcut():
    block, planes = DownBlock(4, 4), torch.randn(2, 4, 8, 8)
    assert torch.equal(block(planes), F.avg_pool2d(planes, 2))


def test_the_sentence_changes_what_each_fusion_of_each_block_makes():
    generator = awake(DFGANGenerator(condition_dim=CONDITION, latent_dim=5, width=2))
    fusions = [module for module in generator.modules() if isinstance(module, DeepFusion)]
    assert len(fusions) == 2 * len(generator.blocks) == 6
    for fusion in fusions:
        planes = torch.randn(1, fusion.first.gain[2].out_features, 4, 4)
        made = [
            fusion(planes, torch.cat([torch.zeros(1, 5), sentence], 1)) for sentence in torch.randn(2, 1, CONDITION)
        ]
        assert not torch.allclose(*made)


def test_every_affine_transformation_teaches_the_sentence():
    """With all others told nothing, each still has its own way back to what the sentence says."""
    generator = awake(DFGANGenerator(condition_dim=CONDITION, latent_dim=5, width=2))
    affines = [module for module in generator.modules() if isinstance(module, Affine)]
    for affine in affines:
        sentence = torch.randn(1, CONDITION, requires_grad=True)
        muted = [
            other.register_forward_pre_hook(lambda _, inputs: (inputs[0], inputs[1].detach()))
            for other in affines
            if other is not affine
        ]
        generator(torch.randn(1, 5), text_of(sentence)).square().sum().backward()
        assert sentence.grad is not None
        assert sentence.grad.abs().max() > 0
        for hook in muted:
            hook.remove()


def test_latents_change_the_image():
    generator = DFGANGenerator(condition_dim=CONDITION, latent_dim=5, width=2)
    text = text_of(torch.randn(1, CONDITION))
    assert not torch.allclose(generator(torch.randn(1, 5), text), generator(torch.randn(1, 5), text))


def test_the_scale_of_sentence_vectors_does_not_matter_to_the_generator():
    generator, latents = awake(DFGANGenerator(condition_dim=CONDITION, latent_dim=5, width=2)), torch.randn(2, 5)
    sentence = torch.randn(2, CONDITION)
    torch.testing.assert_close(
        generator(latents, text_of(100 * sentence)), generator(latents, text_of(sentence)), rtol=1e-3, atol=1e-3
    )


def test_an_image_does_not_depend_on_its_neighbours():
    """There is no normalisation over the batch in either network."""
    sizes = {"condition_dim": CONDITION, "width": 2}
    generator, discriminator = awake(DFGANGenerator(**sizes, latent_dim=5)), awake(DFGANDiscriminator(**sizes))
    latents, sentences = torch.randn(4, 5), torch.randn(4, CONDITION)
    together = generator(latents, text_of(sentences))
    torch.testing.assert_close(generator(latents[1:2], text_of(sentences[1:2])), together[1:2], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        discriminator(together[1:2], text_of(sentences[1:2])),
        discriminator(together, text_of(sentences))[1:2],
        atol=1e-5,
        rtol=1e-4,
    )


def test_the_logit_of_a_pair_is_no_sum_of_image_and_sentence():
    """Otherwise the discriminator could not know which image a sentence belongs to."""
    discriminator = awake(DFGANDiscriminator(condition_dim=CONDITION, width=2))
    images, texts = torch.randn(2, 1, 3, 32, 32), [text_of(sentence) for sentence in torch.randn(2, 1, CONDITION)]
    (a, b), (c, d) = ([discriminator(image, text) for text in texts] for image in images)
    assert abs(float((a - b - c + d).detach())) > 1e-6


def test_scoring_shared_features_is_scoring_the_image():
    discriminator = DFGANDiscriminator(condition_dim=CONDITION, width=2)
    images, text = torch.randn(2, 3, 32, 32), text_of(torch.randn(2, CONDITION))
    torch.testing.assert_close(discriminator.score(discriminator.encode(images), text), discriminator(images, text))


def test_spectral_normalisation_is_of_every_layer():
    discriminator = DFGANDiscriminator(condition_dim=CONDITION, width=2, spectral_norm=True)
    layers = [module for module in discriminator.modules() if isinstance(module, nn.Conv2d)]
    assert len(layers) == 3 + 3 * 3
    assert all(is_parametrized(layer, "weight") for layer in layers)
