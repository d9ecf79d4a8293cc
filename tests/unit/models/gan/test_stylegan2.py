"""StyleGAN2's networks: styles, skips, noise, mixing, variety in a batch, and the article's sizes."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from diptych.models.gan.stylegan2.discriminator import StyleGAN2Discriminator
from diptych.models.gan.stylegan2.generator import StyleGAN2Generator
from diptych.models.gan.stylegan2.minibatch_std import MinibatchStd
from diptych.systems.coupling import coupled_parts
from diptych.systems.modes import once_a_step, still
from diptych.types import TextFeatures

CONDITION = 10
SMALL = {"image_size": 32, "condition_dim": CONDITION, "widths": (12, 8, 6, 4)}
CONFIGURATION_F = [512, 512, 512, 512, 512, 256, 128, 64, 32]


def text_of(sentence):
    rows = len(sentence)
    return TextFeatures(sentence, torch.zeros(rows, 3, 2), torch.ones(rows, 3, dtype=torch.bool))


def generator_of(**changes):
    """With noise that is seen."""
    torch.manual_seed(0)
    generator = StyleGAN2Generator(**{**SMALL, "latent_dim": 6, "style_dim": 8, **changes})
    for name, parameter in generator.named_parameters():
        if name.endswith("strength"):
            nn.init.constant_(parameter, 0.3)
    return generator


def discriminator_of(**changes):
    torch.manual_seed(0)
    return StyleGAN2Discriminator(**{**SMALL, **changes})


def parameters_of(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("mapping_layers", "expected"), [(8, 30_370_060), (2, 28_794_124)])
def test_configuration_f_has_the_authors_number_of_parameters(mapping_layers, expected):
    """1024 px; with 2 layers of mapping as StyleGAN2-ADA's cfg=auto prints them for 1024 px."""
    with torch.device("meta"):
        generator = StyleGAN2Generator(
            image_size=1024, latent_dim=512, style_dim=512, mapping_layers=mapping_layers, widths=CONFIGURATION_F
        )
        discriminator = StyleGAN2Discriminator(image_size=1024, widths=CONFIGURATION_F)
    assert generator.num_styles == 18
    assert parameters_of(generator) == expected
    assert parameters_of(discriminator) == 29_012_513


@pytest.mark.parametrize(("condition_dim", "expected"), [(256, (607_739, 734_041)), (0, (558_459, 701_017))])
def test_the_defaults_have_the_number_of_parameters_in_their_configs(condition_dim, expected):
    with torch.device("meta"):
        networks = StyleGAN2Generator(condition_dim=condition_dim), StyleGAN2Discriminator(condition_dim=condition_dim)
    assert tuple(map(parameters_of, networks)) == expected


@pytest.mark.parametrize("size", [8, 32, 64])
@pytest.mark.parametrize("condition_dim", [0, CONDITION])
def test_both_networks_work_at_many_sizes_with_and_without_sentences(size, condition_dim):
    settings = {"image_size": size, "image_channels": 1, "condition_dim": condition_dim, "widths": (8, 6, 4, 4, 4)}
    text = text_of(torch.randn(3, CONDITION)) if condition_dim else None
    generator = StyleGAN2Generator(**settings, latent_dim=6, style_dim=8)
    images = generator(torch.randn(3, 6), text)
    assert images.shape == (3, 1, size, size)
    assert StyleGAN2Discriminator(**settings)(images, text).shape == (3,)
    extreme = generator.eval().from_styles(100 * torch.randn(3, generator.num_styles, 8))
    assert extreme.abs().max() == 1


def test_generation_is_the_mapping_and_the_layers_after_it():
    generator, latents, text = generator_of().eval(), torch.randn(3, 6), text_of(torch.randn(3, CONDITION))
    styles = generator.styles(latents, text)
    assert styles.shape == (3, generator.num_styles, 8)
    assert torch.equal(generator(latents, text), generator.from_styles(styles, generator.noise(latents)))
    without = generator.from_styles(styles)
    assert torch.equal(without, generator.from_styles(styles, generator.noise(torch.zeros(3, 6))))


def test_each_size_adds_its_own_part_to_the_pixels():
    """The pixels are the sum of what all sizes say, each doubled up to the image (skip connections)."""
    generator, latents, text = generator_of(), torch.randn(2, 6), text_of(torch.randn(2, CONDITION))
    said = []
    for part in (generator.first_to_pixels, *(block.to_pixels for block in generator.blocks)):
        part.register_forward_hook(lambda *call: said.append(call[2]))
    pixels = generator(latents, text)
    assert [part.shape[-1] for part in said] == [4, 8, 16, 32]
    double = generator.blocks[0].filter.doubled
    torch.testing.assert_close(pixels, double(double(double(said[0]) + said[1]) + said[2]) + said[3])


def test_a_layers_style_changes_its_own_layer_and_later_ones_alone():
    """The order is that of the article: each size's pixels have the style of the next convolution."""
    generator, styles = generator_of(), torch.randn(1, 8, 8)
    convolutions = [generator.first, *(c for block in generator.blocks for c in (block.first, block.second))]
    outputs = []
    for convolution in convolutions:
        convolution.register_forward_hook(lambda *call: outputs.append(call[2]))
    generator.from_styles(styles)
    before = list(outputs)
    for layer in range(8):
        outputs.clear()
        changed = styles.clone()
        changed[:, layer] += 1
        pixels = generator.from_styles(changed)
        assert [torch.equal(*pair) for pair in zip(before, outputs, strict=True)] == [i < layer for i in range(7)]
        assert not torch.equal(pixels, generator.from_styles(styles))


def test_in_training_styles_of_second_latents_begin_at_a_layer_drawn_for_each_image():
    generator = generator_of(mixing_prob=1.0)
    latents, text = torch.randn(64, 6), text_of(torch.randn(64, CONDITION))
    own = generator.styles(latents, text)
    differs = (generator._mixed(own, latents, text) != own).any(2)
    first = differs.int().argmax(1)
    assert set(first.tolist()) == set(range(1, 8))
    assert torch.equal(differs, torch.arange(8) >= first[:, None])
    shares = [(generator_of(mixing_prob=p)._mixed(own, latents, text) != own).any(2)[:, -1] for p in (0.5, 1.0)]
    assert 0.25 < shares[0].float().mean() < 0.75
    assert shares[1].all()


def test_styles_are_mixed_in_training_alone():
    generator, latents, text = generator_of(mixing_prob=1.0), torch.randn(3, 6), text_of(torch.randn(3, CONDITION))
    plain = generator.from_styles(generator.styles(latents, text), generator.noise(latents))
    assert not torch.allclose(generator(latents, text), plain)
    generator.mixing_prob = 0.0
    assert torch.equal(generator(latents, text), plain)


@pytest.mark.parametrize("is_training", [True, False])
def test_latents_and_sentence_alone_determine_an_image(is_training):
    """Neither the batch nor what torch has drawn before: noise and mixed styles are functions of the latents."""
    generator, latents, text = generator_of(), torch.randn(6, 6), text_of(torch.randn(6, CONDITION))
    generator.train(is_training)
    together = generator(latents, text)
    torch.manual_seed(7)
    alone = [generator(latents[i : i + 1], text_of(text.sentence[i : i + 1])) for i in range(6)]
    torch.testing.assert_close(torch.cat(alone), together, rtol=1e-4, atol=1e-5)


def test_noise_starts_without_strength():
    strengths = [p for name, p in StyleGAN2Generator().named_parameters() if name.endswith("strength")]
    assert len(strengths) == 7
    assert not any(strengths)


def test_the_mapping_sees_latents_and_sentences_of_one_scale():
    generator, latents, sentence = generator_of(), torch.randn(3, 6), torch.randn(3, CONDITION)
    styles = generator.styles(latents, text_of(sentence))
    torch.testing.assert_close(generator.styles(50 * latents, text_of(30 * sentence)), styles, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(generator.styles(latents, text_of(-sentence)), styles)
    assert not torch.allclose(generator.styles(-latents, text_of(sentence)), styles)


def test_the_mean_style_follows_the_styles_of_training():
    generator, latents, text = generator_of(), torch.randn(8, 6), text_of(torch.randn(8, CONDITION))
    mean = generator.styles(latents, text)[:, 0].mean(0)
    generator(latents, text)
    torch.testing.assert_close(generator.mean_style, 0.005 * mean)
    assert any(value is generator.mean_style for value in generator.buffers())
    with still(generator):
        generator(latents, text)
    generator.eval()(latents, text)
    torch.testing.assert_close(generator.mean_style, 0.005 * mean)


def test_a_batch_in_parts_moves_the_mean_style_as_the_whole_batch():
    whole, latents, text = generator_of(), torch.randn(8, 6), text_of(torch.randn(8, CONDITION))
    parts = copy.deepcopy(whole)
    whole(latents, text)
    for part in (slice(0, 4), slice(4, 8)):
        with once_a_step(parts.modules(), share=0.5, earlier=part.start / 8):
            parts(latents[part], text_of(text.sentence[part]))
    torch.testing.assert_close(parts.mean_style, whole.mean_style)


@pytest.mark.parametrize("number", [1, 2, 4, 5, 7, 8])
def test_a_groups_deviation_is_that_of_its_neighbours(number):
    """Written out, image by image; the last images are compared with those before them."""
    torch.manual_seed(0)
    planes = torch.randn(number, 3, 2, 2)
    added = MinibatchStd(4)(planes)
    assert torch.equal(added[:, :3], planes)
    for i in range(number):
        start = min(i // 4 * 4, max(0, number - 4))
        group = planes[start : start + 4]
        deviation = group.std(0, correction=0).mean()
        torch.testing.assert_close(added[i, 3], deviation.expand(2, 2), rtol=1e-3, atol=2e-4)


def test_a_collapsed_batch_is_seen():
    discriminator = discriminator_of().eval()
    image, others = torch.randn(1, 3, 32, 32), torch.randn(3, 3, 32, 32)
    text = text_of(torch.randn(1, CONDITION).expand(4, -1))
    collapsed = discriminator(image.expand(4, -1, -1, -1), text)
    varied = discriminator(torch.cat([image, others]), text)
    assert not torch.allclose(collapsed[0], varied[0], atol=1e-3)
    torch.testing.assert_close(collapsed, discriminator(image, text_of(text.sentence[:1])).expand(4))
    unaware = discriminator_of(group_size=0).eval()
    scores = unaware(image.expand(4, -1, -1, -1), text)[0], unaware(torch.cat([image, others]), text)[0]
    torch.testing.assert_close(*scores)


def test_a_collapsed_batch_has_gradients():
    """Also where all images are alike, at which a root has no slope of its own."""
    planes = torch.ones(4, 3, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(MinibatchStd()(planes).sum(), planes)
    assert gradient.isfinite().all()


def test_parts_of_whole_groups_are_scored_as_the_whole_batch():
    discriminator = discriminator_of().eval()
    images, text = torch.randn(8, 3, 32, 32), text_of(torch.randn(8, CONDITION))
    halves = [discriminator(images[p], text_of(text.sentence[p])) for p in (slice(0, 4), slice(4, 8))]
    torch.testing.assert_close(torch.cat(halves), discriminator(images, text), rtol=1e-4, atol=1e-5)


def test_a_run_in_micro_batches_is_told_that_images_are_compared():
    system = nn.ModuleDict({"discriminator": discriminator_of(), "generator": generator_of()})
    assert coupled_parts(system) == ["discriminator.compare"]


def test_the_logit_is_of_the_image_and_of_the_pair():
    discriminator = discriminator_of().eval()
    features, sentence = torch.randn(3, 12), torch.randn(3, CONDITION)
    standard = (sentence - sentence.mean(1, keepdim=True)) / sentence.std(1, correction=0, keepdim=True)
    expected = discriminator.head(features)[:, 0] + (discriminator.embed(features) * standard).sum(1) / CONDITION**0.5
    torch.testing.assert_close(discriminator.score(features, text_of(sentence)), expected, atol=1e-3, rtol=1e-3)


def test_spectral_normalisation_stands_in_for_the_equalised_rate():
    discriminator = discriminator_of(spectral_norm=True)
    layers = [m for m in discriminator.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    assert len(layers) > 10
    assert all(is_parametrized(layer, "weight") and layer.scale == 1 for layer in layers)
    assert not any(is_parametrized(m) for m in discriminator_of().modules())


@pytest.mark.parametrize("make", [generator_of, discriminator_of])
def test_every_parameter_learns(make):
    network = make()
    inputs = torch.randn(4, 6) if make is generator_of else torch.randn(4, 3, 32, 32)
    network(inputs, text_of(torch.randn(4, CONDITION))).square().sum().backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]


@pytest.mark.parametrize(
    ("make", "changes", "message"),
    [
        (generator_of, {"image_size": 28}, "image_size=28: this network doubles 4 pixels"),
        (
            generator_of,
            {"image_size": 64},
            r"generator\.widths=.* has 4 widths, and images of 64 px need 5",
        ),
        (discriminator_of, {"image_size": 64}, r"discriminator\.widths=\[12, 8, 6, 4\] has 4 widths"),
        (discriminator_of, {"group_size": 1}, r"discriminator\.group_size=1: give 2 or more"),
        (generator_of, {"mixing_prob": 1.5}, r"generator\.mixing_prob=1\.5 is a probability"),
    ],
)
def test_settings_that_do_not_fit_are_refused(make, changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)
