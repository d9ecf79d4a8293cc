import pytest
import torch
from torch import nn

from diptych.models.gan.residual import ConditionalNorm, ResidualGenerator
from diptych.types import TextFeatures

CONDITION = 12


@pytest.fixture
def generator():
    torch.manual_seed(0)
    return ResidualGenerator(condition_dim=CONDITION, latent_dim=4, widths=(16, 12, 8, 8), mapping_dim=16)


def text_of(sentence):
    rows = len(sentence)
    return TextFeatures(sentence, torch.zeros(rows, 3, 2), torch.ones(rows, 3, dtype=torch.bool))


@pytest.mark.parametrize(("image_size", "widths"), [(8, (8, 8)), (16, (8, 8, 8)), (64, (8, 8, 8, 8, 4))])
def test_one_width_per_doubling_gives_the_size(image_size, widths):
    generator = ResidualGenerator(image_size=image_size, image_channels=1, latent_dim=4, widths=widths)
    assert generator(torch.randn(2, 4)).shape == (2, 1, image_size, image_size)


def test_widths_that_generate_another_size_are_refused_by_name():
    with pytest.raises(ValueError, match=r"generator\.widths=\[8, 8\] generates 8 px and the data has 32 px"):
        ResidualGenerator(image_size=32, widths=(8, 8))


def test_the_default_has_the_number_of_parameters_in_its_config():
    generator = ResidualGenerator(condition_dim=256)
    assert sum(p.numel() for p in generator.parameters()) == pytest.approx(1.6e6, rel=0.02)


def test_pictures_stay_in_range(generator):
    pictures = generator(100 * torch.randn(4, 4), text_of(100 * torch.randn(4, CONDITION)))
    assert pictures.abs().max() <= 1


def test_a_trained_picture_does_not_depend_on_its_neighbours(generator):
    latents, sentences = torch.randn(6, 4), torch.randn(6, CONDITION)
    generator(latents, text_of(sentences))
    generator.eval()
    together = generator(latents, text_of(sentences))
    alone = generator(latents[2:3], text_of(sentences[2:3]))
    assert torch.allclose(together[2:3], alone, atol=1e-5)


def test_latents_and_sentence_both_change_the_picture(generator):
    generator.eval()
    latents, sentence = torch.randn(1, 4), torch.randn(1, CONDITION)
    picture = generator(latents, text_of(sentence))
    assert not torch.allclose(picture, generator(-latents, text_of(sentence)))
    assert not torch.allclose(picture, generator(latents, text_of(-sentence)))


def test_every_parameter_gets_a_gradient(generator):
    generator(torch.randn(3, 4), text_of(torch.randn(3, CONDITION))).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in generator.parameters())


def test_conditional_normalisation_with_a_zero_condition_is_batch_normalisation():
    planes = torch.randn(5, 6, 4, 4)
    told = ConditionalNorm(6, 3)(planes, torch.zeros(5, 3))
    assert torch.allclose(told, nn.BatchNorm2d(6)(planes), atol=1e-6)


def test_gain_and_shift_are_affine_in_the_condition():
    norm = ConditionalNorm(2, 1)
    with torch.no_grad():
        norm.affine.weight.copy_(torch.tensor([[1.0], [0.0], [0.0], [3.0]]))
    planes = torch.randn(4, 2, 3, 3)
    plain = norm.norm(planes)
    told = norm(planes, torch.full((4, 1), 2.0))
    assert torch.allclose(told[:, 0], 3 * plain[:, 0], atol=1e-5)
    assert torch.allclose(told[:, 1], plain[:, 1] + 6, atol=1e-5)
