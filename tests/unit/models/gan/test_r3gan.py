"""R3GAN's networks (Huang et al. 2024): their parameters, blocks, beginning and lack of normalisation."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from diptych.models.gan.r3gan import R3GANDiscriminator, R3GANGenerator, ResidualBlock
from diptych.models.gan.resampling import InterpolatedDouble, InterpolatedHalf
from diptych.types import TextFeatures

SIZES = [(28, 1), (32, 3), (64, 3)]
CONDITION = 6
SMALL = {"channel_base": 512, "channel_max": 16, "blocks_per_stage": 1, "group_width": 8}
NETWORKS = [R3GANGenerator, R3GANDiscriminator]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def text_of(sentence: torch.Tensor) -> TextFeatures:
    rows = len(sentence)
    return TextFeatures(sentence, torch.zeros(rows, 3, 2), torch.ones(rows, 3, dtype=torch.bool))


def num_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def blocks_of(network: nn.Module) -> list[ResidualBlock]:
    return [module for module in network.modules() if isinstance(module, ResidualBlock)]


def awake(network: nn.Module) -> nn.Module:
    """With last convolutions that are no longer zero, as after some steps."""
    for block in blocks_of(network):
        nn.init.normal_(block.narrow.weight, std=0.1)
    return network


@pytest.mark.parametrize(
    ("image_size", "channels", "generators", "discriminators"),
    [
        (32, (24576, 768), 20_732_160, 20_683_776),  # the authors' CIFAR-10 and FFHQ presets (brownvc/R3GAN, train.py)
        (64, (24576, 768), 22_429_824, 22_381_440),
        (256, (24576, 768), 23_057_952, 23_009_568),
    ],
)
def test_the_networks_have_the_parameters_of_the_authors_code(image_size, channels, generators, discriminators):
    sizes = {"image_size": image_size, "channel_base": channels[0], "channel_max": channels[1]}
    with torch.device("meta"):
        assert num_parameters(R3GANGenerator(**sizes)) == generators
        assert num_parameters(R3GANDiscriminator(**sizes)) == discriminators


def test_sentences_cost_what_labels_cost_the_authors():
    """Ten labels: 20,781,952 and 21,280,512 in their code; our compression of the sentence has 64 biases besides."""
    with torch.device("meta"):
        assert num_parameters(R3GANGenerator(condition_dim=10)) == 20_781_952 + 64
        assert num_parameters(R3GANDiscriminator(condition_dim=10)) == 21_280_512


@pytest.mark.parametrize("condition_dim", [0, CONDITION])
@pytest.mark.parametrize(("image_size", "channels"), SIZES)
def test_generator_and_discriminator_fit_every_size(image_size, channels, condition_dim):
    sizes = {"image_size": image_size, "image_channels": channels, "condition_dim": condition_dim, **SMALL}
    text = text_of(torch.randn(2, condition_dim)) if condition_dim else None
    images = R3GANGenerator(**sizes)(torch.randn(2, 64), text)
    assert images.shape == (2, channels, image_size, image_size)
    assert images.abs().max() <= 1
    assert R3GANDiscriminator(**sizes)(images, text).shape == (2,)


@pytest.mark.parametrize("image_size", [4, 30, 48])
@pytest.mark.parametrize("network", NETWORKS)
def test_other_sizes_are_refused_by_name(network, image_size):
    with pytest.raises(ValueError, match=f"image_size={image_size}"):
        network(image_size=image_size, **SMALL)


@pytest.mark.parametrize("network", NETWORKS)
def test_groups_that_do_not_divide_a_block_are_refused_by_name(network):
    with pytest.raises(ValueError, match="group_width=7 does not divide the 32 channels"):
        network(**{**SMALL, "group_width": 7})


@pytest.mark.parametrize("network", NETWORKS)
def test_there_is_no_normalisation_anywhere(network):
    """Neither a module, nor an effect: the same picture in any company, and no statistics in the state."""
    made = network(condition_dim=CONDITION, **SMALL)
    assert not [module for module in made.modules() if "Norm" in type(module).__name__]
    assert set(made.state_dict()) == {name for name, _ in made.named_parameters()}


def test_the_discriminator_sees_each_image_by_itself():
    discriminator = awake(R3GANDiscriminator(condition_dim=CONDITION, **SMALL))
    images, sentences = torch.randn(4, 3, 32, 32), torch.randn(4, CONDITION)
    together = discriminator(images, text_of(sentences))
    torch.testing.assert_close(together[1:2], discriminator(images[1:2], text_of(sentences[1:2])))


@pytest.mark.parametrize("network", NETWORKS)
def test_blocks_begin_as_the_identity(network):
    for block in blocks_of(network(**SMALL)):
        planes = torch.randn(2, block.widen.in_channels, 4, 4)
        assert not block.narrow.weight.any()
        torch.testing.assert_close(block(planes), planes, rtol=0, atol=0)


def test_at_the_start_the_output_s_variance_does_not_depend_on_depth():
    """Without the zeros, every block would add to it."""
    latents = torch.randn(256, 64)
    sizes = {"channel_base": 64, "channel_max": 16, "group_width": 4}
    variances = []
    for blocks_per_stage in (1, 8):
        torch.manual_seed(1)
        generator = R3GANGenerator(image_size=8, blocks_per_stage=blocks_per_stage, **sizes)
        last = nn.init.normal_(generator.to_pixels.weight, generator=torch.Generator().manual_seed(0), std=0.1)
        assert last is generator.to_pixels.weight
        with torch.no_grad():
            variances.append(float(generator.layers(generator.start(latents)).var()))
    assert variances[1] == pytest.approx(variances[0], rel=0.5)


@pytest.mark.parametrize("num_blocks", [1, 16])
def test_inner_weights_shrink_with_the_fourth_root_of_the_number_of_blocks(num_blocks):
    """Fixup for branches of three layers, over the gain of a leaky rectifier of slope 0.2."""
    block = ResidualBlock(64, expansion=2, group_width=16, num_blocks=num_blocks)
    gain = (2 / (1 + 0.2**2)) ** 0.5 * num_blocks**-0.25
    assert float(block.widen.weight.detach().std()) == pytest.approx(gain / 64**0.5, rel=0.05)
    assert float(block.filter.weight.detach().std()) == pytest.approx(gain / (16 * 9) ** 0.5, rel=0.05)
    assert not block.widen.bias.any()
    assert block.narrow.bias is None


def test_the_number_of_blocks_counts_all_stages():
    generator = R3GANGenerator(channel_base=2048, channel_max=64, blocks_per_stage=4)
    gain = (2 / (1 + 0.2**2)) ** 0.5 * 16**-0.25
    for block in blocks_of(generator):
        assert float(block.widen.weight.detach().std()) == pytest.approx(gain / 64**0.5, rel=0.1)
    assert len(blocks_of(generator)) == 16


def test_a_block_widens_and_filters_in_groups():
    block = ResidualBlock(8, expansion=2, group_width=4, num_blocks=1)
    assert [layer.kernel_size for layer in (block.widen, block.filter, block.narrow)] == [(1, 1), (3, 3), (1, 1)]
    assert (block.widen.out_channels, block.filter.out_channels, block.narrow.out_channels) == (16, 16, 8)
    assert [layer.groups for layer in (block.widen, block.filter, block.narrow)] == [1, 4, 1]
    nn.init.normal_(block.narrow.weight)
    planes = torch.randn(2, 8, 5, 5)
    wide = F.leaky_relu(block.widen(planes), 0.2).chunk(4, dim=1)
    weights, biases = block.filter.weight.chunk(4), block.filter.bias.chunk(4)
    groups = [F.conv2d(part, w, b, padding=1) for part, w, b in zip(wide, weights, biases, strict=True)]
    expected = planes + block.narrow(F.leaky_relu(torch.cat(groups, dim=1), 0.2))
    torch.testing.assert_close(block(planes), expected)


def test_sizes_change_by_interpolation_outside_of_blocks():
    generator, discriminator = R3GANGenerator(**SMALL), R3GANDiscriminator(**SMALL)
    kinds = [[type(layer) for layer in network.layers] for network in (generator, discriminator)]
    assert kinds[0].count(InterpolatedDouble) == kinds[1].count(InterpolatedHalf) == 3
    strides = [m.stride for n in (generator, discriminator) for m in n.modules() if isinstance(m, nn.Conv2d)]
    assert set(strides) == {(1, 1)}


def test_channels_fall_with_the_size_up_to_the_maximum():
    generator = R3GANGenerator(image_size=64, channel_base=512, channel_max=64, group_width=8)
    assert [block.widen.in_channels for block in blocks_of(generator)[::2]] == [64, 64, 32, 16, 8]


def test_latents_scale_a_learned_grid_channel_by_channel():
    start = R3GANGenerator(**SMALL).start
    latents = torch.randn(3, 64)
    expected = start.scale(latents)[:, :, None, None] * start.grid
    torch.testing.assert_close(start(latents), expected)
    assert start.grid.shape == (16, 4, 4)
    assert start.grid.requires_grad


def test_the_discriminator_weighs_each_place_of_its_last_grid():
    basis = R3GANDiscriminator(**SMALL).layers[-1]
    grid = torch.randn(2, 16, 4, 4)
    torch.testing.assert_close(basis(grid), F.conv2d(grid, basis.weight, groups=16).flatten(1))


def test_the_sentence_joins_the_latents():
    generator = R3GANGenerator(condition_dim=CONDITION, condition_width=5, latent_dim=7, **SMALL)
    assert generator.start.scale.in_features == 7 + 5
    latents, sentences = torch.randn(2, 7), text_of(torch.randn(2, CONDITION))
    inputs = torch.cat([latents, generator.condition(sentences.sentence)], dim=1)
    expected = generator.to_pixels(generator.layers(generator.start(inputs))).tanh()
    torch.testing.assert_close(generator(latents, sentences), expected)
    assert not torch.equal(generator(latents, text_of(torch.randn(2, CONDITION))), expected)


def test_the_logit_of_a_pair_is_the_product_of_embedding_and_sentence():
    discriminator, images = R3GANDiscriminator(condition_dim=CONDITION, **SMALL), torch.randn(3, 3, 32, 32)
    sentence = torch.randn(3, CONDITION)
    features = discriminator.encode(images)
    product = (discriminator.embed(features) * F.layer_norm(sentence, (CONDITION,))).sum(1)
    torch.testing.assert_close(discriminator.score(features, text_of(sentence)), product)
    torch.testing.assert_close(discriminator(images, text_of(sentence)), product)


def test_without_sentences_there_is_no_embedding():
    discriminator = R3GANDiscriminator(**SMALL)
    with pytest.raises(AssertionError, match="has no embedding"):
        discriminator.embed(discriminator.encode(torch.randn(2, 3, 32, 32)))


def test_spectral_normalisation_is_an_option():
    discriminator = awake(R3GANDiscriminator(condition_dim=CONDITION, **SMALL))
    bounded = R3GANDiscriminator(condition_dim=CONDITION, spectral_norm=True, **SMALL)
    layers = [module for module in bounded.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(layers) == len([m for m in discriminator.modules() if isinstance(m, nn.Conv2d | nn.Linear)])
    assert all(hasattr(layer, "parametrizations") for layer in layers)
    scores = bounded(torch.randn(2, 3, 32, 32), text_of(torch.randn(2, CONDITION)))
    assert scores.isfinite().all()


def test_every_parameter_gets_a_gradient_once_blocks_are_awake():
    generator, discriminator = (awake(network(condition_dim=CONDITION, **SMALL)) for network in NETWORKS)
    text = text_of(torch.randn(3, CONDITION))
    discriminator(generator(torch.randn(3, 64), text), text).square().sum().backward()
    parameters = [*generator.parameters(), *discriminator.parameters()]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)
