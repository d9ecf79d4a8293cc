"""BigGAN's mechanisms: chunks of latents, a shared sentence, attention, an orthogonal start, the article's sizes."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import is_parametrized

from diptych.models.gan.biggan.attention import SelfAttention
from diptych.models.gan.biggan.discriminator import BigGANDiscriminator, DownBlock
from diptych.models.gan.biggan.generator import BigGANGenerator, ConditionalBatchNorm
from diptych.types import TextFeatures

CONDITION = 10
SMALL = {"image_size": 32, "condition_dim": CONDITION, "widths": (12, 8, 8, 8)}
CH = 96  # the article's


def text_of(sentence):
    rows = len(sentence)
    return TextFeatures(sentence, torch.zeros(rows, 3, 2), torch.ones(rows, 3, dtype=torch.bool))


def generator_of(**changes):
    torch.manual_seed(0)
    return BigGANGenerator(**{**SMALL, "latent_dim": 12, "shared_dim": 6, **changes})


def discriminator_of(**changes):
    torch.manual_seed(0)
    return BigGANDiscriminator(**{**SMALL, **changes})


def parameters_of(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_articles_sizes_have_the_authors_number_of_parameters():
    """128 px, ch = 96, 1,000 classes: the numbers that google/compare_gan tests, 70.4 M and 88.0 M in the article."""
    sizes = {"image_size": 128, "condition_dim": 1000, "attention_size": 64}
    with torch.device("meta"):
        generator = BigGANGenerator(**sizes, widths=[16 * CH, 16 * CH, 8 * CH, 4 * CH, 2 * CH, CH])
        discriminator = BigGANDiscriminator(**sizes, widths=[16 * CH, 8 * CH, 4 * CH, 2 * CH, CH])
    assert parameters_of(generator) == 70_433_988
    assert parameters_of(discriminator) == 87_982_370


@pytest.mark.parametrize(("condition_dim", "expected"), [(256, (528_724, 753_298)), (0, (383_316, 720_530))])
def test_the_defaults_have_the_number_of_parameters_in_their_configs(condition_dim, expected):
    with torch.device("meta"):
        networks = BigGANGenerator(condition_dim=condition_dim), BigGANDiscriminator(condition_dim=condition_dim)
    assert tuple(map(parameters_of, networks)) == expected


@pytest.mark.parametrize("size", [8, 32, 64])
@pytest.mark.parametrize("condition_dim", [0, CONDITION])
def test_both_networks_work_at_many_sizes_with_and_without_sentences(size, condition_dim):
    settings = {"image_size": size, "image_channels": 1, "condition_dim": condition_dim, "widths": (8, 6, 4, 4, 4)}
    settings["attention_size"] = 4 if size == 8 else 8
    if size == 8:
        generator = BigGANGenerator(**{**settings, "attention_size": 8}, latent_dim=120)
    else:
        generator = BigGANGenerator(**settings, latent_dim=120)
    text = text_of(torch.randn(2, CONDITION)) if condition_dim else None
    images = generator(torch.randn(2, 120), text)
    assert images.shape == (2, 1, size, size)
    assert images.abs().max() <= 1
    assert BigGANDiscriminator(**settings)(images, text).shape == (2,)


def test_a_chunk_of_the_latents_changes_the_norms_of_its_block_alone():
    generator = generator_of().eval()
    seen = {}
    for number, block in enumerate(generator.blocks, start=1):
        for norm in (block.first_norm, block.second_norm):
            norm.register_forward_pre_hook(lambda _, inputs, n=number: seen.setdefault(n, []).append(inputs[1]))
    text, latents = text_of(torch.randn(1, CONDITION)), torch.randn(1, 12)
    generator(latents, text)
    before, size = dict(seen), 12 // 4
    for chunk in range(4):
        seen.clear()
        changed = latents.clone()
        changed[:, chunk * size : (chunk + 1) * size] += 1
        generator(changed, text)
        differing = [n for n in before if not all(map(torch.equal, before[n], seen[n]))]
        assert differing == ([chunk] if chunk else [])


def test_the_first_chunk_makes_the_first_grid():
    generator = generator_of().eval()
    grids = []
    generator.first.register_forward_hook(lambda *call: grids.append(call[2]))
    text, latents = text_of(torch.randn(1, CONDITION)), torch.randn(1, 12)
    for change in (torch.zeros(12), torch.eye(12)[5], torch.eye(12)[1]):
        generator(latents + change, text)
    assert torch.equal(grids[0], grids[1])
    assert not torch.equal(grids[0], grids[2])


def test_all_blocks_share_one_embedding_of_the_sentence():
    """Norms read the sentence through `shared` alone: where it says the same of two sentences, so do all images."""
    generator = generator_of().eval()
    condition_dims = {m.gain.in_features for m in generator.modules() if isinstance(m, ConditionalBatchNorm)}
    assert condition_dims == {12 // 4 + 6}
    latents, text, other = torch.randn(1, 12), *(text_of(torch.randn(1, CONDITION)) for _ in range(2))
    assert not torch.allclose(generator(latents, text), generator(latents, other))
    nn.init.zeros_(generator.shared.weight)
    torch.testing.assert_close(generator(latents, text), generator(latents, other))


@pytest.mark.parametrize("factor", [1e-2, 1e2])
def test_a_sentence_has_the_scale_of_latents_whatever_encoder_made_it(factor):
    generator, sentence = generator_of().eval(), torch.randn(3, CONDITION)
    latents = torch.randn(3, 12)
    scaled = generator(latents, text_of(factor * sentence))
    torch.testing.assert_close(scaled, generator(latents, text_of(sentence)), rtol=1e-2, atol=2e-3)


def test_conditional_normalisation_is_gain_and_shift_around_one_and_zero():
    torch.manual_seed(0)
    norm, planes, condition = ConditionalBatchNorm(5, 3), torch.randn(4, 5, 2, 2), torch.randn(4, 3)
    plain = (planes - planes.mean((0, 2, 3), keepdim=True)) / (
        planes.var((0, 2, 3), correction=0, keepdim=True) + 1e-5
    ).sqrt()
    gain, shift = condition @ norm.gain.weight.T, condition @ norm.shift.weight.T
    torch.testing.assert_close(norm(planes, condition), plain * (1 + gain[..., None, None]) + shift[..., None, None])
    torch.testing.assert_close(norm(planes, 0 * condition), plain)


def test_attention_starts_as_the_identity_and_still_learns_its_gain():
    torch.manual_seed(0)
    attend, planes = SelfAttention(8), torch.randn(2, 8, 4, 4)
    out = attend(planes)
    assert torch.equal(out, planes)
    out.square().sum().backward()
    assert attend.gain.grad.abs() > 0


def test_attention_is_a_softmax_over_pooled_places():
    """Written out, place by place."""
    torch.manual_seed(0)
    attend, planes = SelfAttention(16), torch.randn(2, 16, 4, 4)
    attend.gain.data.fill_(0.7)
    weight = lambda layer: layer.weight[:, :, 0, 0]  # noqa: E731
    expected = planes.clone()
    for image in range(2):
        of = lambda layer: torch.einsum("oc,cij->oij", weight(layer), planes[image])  # noqa: B023, E731
        keys, values = (
            of(layer).reshape(-1, 2, 2, 2, 2).amax((2, 4)).flatten(1) for layer in (attend.keys, attend.values)
        )
        for row in range(4):
            for column in range(4):
                query = of(attend.queries)[:, row, column]
                read = values @ torch.softmax(keys.T @ query, dim=0)
                expected[image, :, row, column] += 0.7 * weight(attend.outputs) @ read
    torch.testing.assert_close(attend(planes), expected)


@pytest.mark.parametrize("make", [generator_of, discriminator_of])
def test_weights_start_orthogonal_and_biases_at_zero(make):
    network = make(spectral_norm=False)
    layers = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    assert len(layers) > 10
    for layer in layers:
        rows = layer.weight.detach().flatten(1)
        rows = rows if rows.shape[0] <= rows.shape[1] else rows.T
        torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), atol=1e-5, rtol=0)
        assert layer.bias is None or not layer.bias.any()


def test_spectral_normalisation_is_in_both_networks_and_can_be_left_out():
    for make in (generator_of, discriminator_of):
        layers = [m for m in make().modules() if isinstance(m, nn.Linear | nn.Conv2d)]
        plain = [layer for layer in layers if not is_parametrized(layer, "weight")]
        assert [layer.in_features for layer in plain] == ([CONDITION] if make is generator_of else [])
        assert not any(is_parametrized(m) for m in make(spectral_norm=False).modules())


def test_a_halving_block_is_the_articles_order_of_layers():
    """Convolutions, then the mean of 2x2 places, on both ways; a 1x1 convolution and a mean may change places."""
    torch.manual_seed(0)
    block, planes = DownBlock(4, 6, reads_pixels=False, halves=True), torch.randn(2, 4, 8, 8)
    hidden = F.conv2d(planes.relu(), block.first.weight, block.first.bias, padding=1).relu()
    hidden = F.conv2d(hidden, block.second.weight, block.second.bias, padding=1)
    whole = hidden + F.conv2d(planes, block.shortcut.weight, block.shortcut.bias)
    torch.testing.assert_close(block(planes), whole.unflatten(3, (4, 2)).unflatten(2, (4, 2)).mean((3, 5)))


def test_the_projection_is_linear_in_the_standardised_sentence():
    discriminator = discriminator_of().eval()
    features, sentence = torch.randn(3, 12), torch.randn(3, CONDITION)
    unit = sentence - sentence.mean(1, keepdim=True)
    unit = unit / unit.norm(dim=1, keepdim=True)
    expected = discriminator.head(features)[:, 0] + (discriminator.embed(features) * unit).sum(1)
    torch.testing.assert_close(discriminator.score(features, text_of(sentence)), expected, atol=1e-4, rtol=1e-4)


def test_no_image_is_scored_by_its_neighbours():
    discriminator = discriminator_of().eval()
    images, sentence = torch.randn(3, 3, 32, 32), torch.randn(3, CONDITION)
    alone = discriminator(images[1:2], text_of(sentence[1:2]))
    torch.testing.assert_close(discriminator(images, text_of(sentence))[1:2], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [generator_of, discriminator_of])
def test_every_parameter_learns_once_attention_has_a_gain(make):
    network = make()
    for module in network.modules():
        if isinstance(module, SelfAttention):
            module.gain.data.fill_(0.5)
    inputs = torch.randn(4, 12) if make is generator_of else torch.randn(4, 3, 32, 32)
    network(inputs, text_of(torch.randn(4, CONDITION))).square().sum().backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]


@pytest.mark.parametrize(
    ("make", "changes", "message"),
    [
        (generator_of, {"image_size": 28}, "image_size=28: this network doubles 4 pixels"),
        (discriminator_of, {"image_size": 48}, "image_size=48: this network doubles 4 pixels"),
        (
            generator_of,
            {"image_size": 64},
            r"generator\.widths=.* has 4 widths, and images of 64 px need 5",
        ),
        (
            discriminator_of,
            {"image_size": 128},
            r"discriminator\.widths=\[12, 8, 8, 8\] has .* 4, 8, 16, 32, 64 px",
        ),
        (
            generator_of,
            {"attention_size": 12},
            r"generator\.attention_size=12: the grids here have 4, 8, 16, 32",
        ),
        (discriminator_of, {"attention_size": 32}, r"discriminator\.attention_size=32: the grids here have 4, 8, 16"),
        (generator_of, {"latent_dim": 10}, r"generator\.latent_dim=10 is cut into 4 .* such as 8"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(make, changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)
