import pytest
import torch
from torch import nn
from torch.nn import functional as F

from diptych.models.gan.attentional import AttnGANGenerator, Conditioning, FirstNorm, WordAttention, sizes_of_stages
from diptych.types import TextFeatures

CONDITION, WORD, NOISE, NUMBERS = 6, 5, 4, 3


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def generator():
    return make(num_stages=3).eval()


def make(**settings):
    sizes = {"condition_dim": CONDITION, "word_dim": WORD, "noise_dim": NOISE, "condition_width": NUMBERS, "width": 2}
    return AttnGANGenerator(**(sizes | {"num_residual_blocks": 1} | settings))


def text_of(rows: int, length: int = 4, real: int | None = None) -> TextFeatures:
    mask = torch.arange(length).expand(rows, -1) < (length if real is None else real)
    return TextFeatures(torch.randn(rows, CONDITION), torch.randn(rows, length, WORD), mask)


@pytest.mark.parametrize(
    ("image_size", "num_stages", "sides"),
    [(32, 3, [8, 16, 32]), (32, 2, [16, 32]), (64, 3, [16, 32, 64]), (32, 1, [32])],
)
def test_each_stage_makes_an_image_of_twice_the_size(image_size, num_stages, sides):
    generator = make(image_size=image_size, image_channels=1, num_stages=num_stages)
    images = generator.stages(torch.randn(2, generator.latent_dim), text_of(2))
    assert [tuple(part.shape) for part in images] == [(2, 1, side, side) for side in sides]
    assert all(part.abs().max() <= 1 for part in images)


@pytest.mark.parametrize(("image_size", "num_stages"), [(28, 2), (32, 4), (48, 3), (0, 1), (32, 0)])
def test_other_sizes_are_refused_by_name(image_size, num_stages):
    with pytest.raises(ValueError, match=rf"image_size={image_size} with num_stages={num_stages}: "):
        sizes_of_stages(image_size, num_stages)


def test_at_256_pixels_it_has_the_parameters_of_the_authors_code():
    """Counted from github.com/taoxugit/AttnGAN, commit 0d000e6, code/model.py with cfg/bird_attn2.yml: G_NET."""
    with torch.device("meta"):
        generator = AttnGANGenerator(image_size=256, condition_dim=256, word_dim=256)
    assert sum(parameter.numel() for parameter in generator.parameters()) == 7_084_592


def test_the_default_size_has_the_parameters_in_its_config():
    with torch.device("meta"):
        generator = AttnGANGenerator(condition_dim=256, word_dim=128, width=16)
    assert sum(parameter.numel() for parameter in generator.parameters()) == 454_240


def test_the_last_stage_is_the_image(generator):
    latents, text = torch.randn(2, generator.latent_dim), text_of(2)
    assert torch.equal(generator(latents, text), generator.stages(latents, text)[-1])


def test_padding_never_changes_an_image(generator):
    latents, text = torch.randn(2, generator.latent_dim), text_of(2, length=6, real=4)
    other = text._replace(words=torch.where(text.mask[..., None], text.words, 100 * torch.randn(2, 6, WORD)))
    short = TextFeatures(text.sentence, text.words[:, :4], text.mask[:, :4])
    for image, same, without in zip(*(generator.stages(latents, t) for t in (text, other, short)), strict=True):
        assert torch.equal(image, same)
        torch.testing.assert_close(image, without)


def test_each_place_looks_at_real_words_alone_and_its_weights_sum_to_one():
    attention, text = WordAttention(2, WORD), text_of(3, length=5, real=3)
    weights = attention.weights(torch.randn(3, 2, 4, 4), attention.project(text.words), text.mask)
    assert weights.shape == (3, 16, 5)
    torch.testing.assert_close(weights[..., :3].sum(2), torch.ones(3, 16))
    assert not weights[..., 3:].any()


def test_attention_is_that_of_the_article_place_by_place():
    attention, planes, text = WordAttention(2, WORD), torch.randn(1, 2, 3, 3), text_of(1, length=4, real=3)
    context, projected = attention(planes, text.words, text.mask), text.words[0, :3] @ attention.project.weight.T
    for row in range(3):
        for column in range(3):
            weights = F.softmax(projected @ planes[0, :, row, column], dim=0)
            torch.testing.assert_close(context[0, :, row, column], weights @ projected)


def test_attention_sees_a_set_of_words():
    attention, planes, text = WordAttention(2, WORD), torch.randn(2, 2, 4, 4), text_of(2, length=5, real=3)
    order = torch.tensor([4, 2, 0, 3, 1])
    torch.testing.assert_close(
        attention(planes, text.words[:, order], text.mask[:, order]), attention(planes, text.words, text.mask)
    )


def test_words_change_every_stage_but_the_first(generator):
    latents, text = torch.randn(1, generator.latent_dim), text_of(1)
    first, *later = generator.stages(latents, text)
    same, *others = generator.stages(latents, text._replace(words=10 * torch.randn_like(text.words)))
    assert torch.equal(first, same)
    assert not any(torch.allclose(image, other) for image, other in zip(later, others, strict=True))


def test_each_stage_is_drawn_from_the_grid_before_it(generator):
    """What the first stage's grid is told reaches all images; what the last stage's is told reaches the last alone."""
    latents, text = torch.randn(1, generator.latent_dim), text_of(1)
    before = generator.stages(latents, text)
    for number, stage in enumerate([generator.first, *generator.later]):
        hook = stage.register_forward_hook(lambda *args: args[2] + torch.randn_like(args[2]))
        after = generator.stages(latents, text)
        hook.remove()
        assert [torch.equal(*pair) for pair in zip(before, after, strict=True)] == [i < number for i in range(3)]


def test_the_last_image_teaches_every_stage():
    generator = make(num_stages=3)
    generator(torch.randn(4, generator.latent_dim), text_of(4)).square().sum().backward()
    silent = {name for name, parameter in generator.named_parameters() if parameter.grad is None}
    assert silent == {"to_pixels.0.weight", "to_pixels.1.weight"}


def test_what_is_drawn_for_a_sentence_is_its_mean_and_deviation():
    noise = torch.randn(10_000, 2)
    mean, variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[4.0, 0.25]])
    drawn = Conditioning(mean, variance.log()).sample(noise)
    torch.testing.assert_close(drawn, mean + variance.sqrt() * noise)


def test_the_last_latents_are_what_is_drawn_for_the_sentence(generator):
    """Where the variance is nothing they do not matter, and the others do."""
    with torch.no_grad():
        generator.augmentation.weight.zero_()
        generator.augmentation.bias.zero_()
        generator.augmentation.bias[NUMBERS : 2 * NUMBERS] = -60.0
        generator.augmentation.bias[2 * NUMBERS :] = 60.0
    latents, text = torch.randn(1, generator.latent_dim), text_of(1)
    drawn, noise = latents.clone(), latents.clone()
    drawn[:, NOISE:], noise[:, :NOISE] = 5.0, 5.0
    image = generator(latents, text)
    torch.testing.assert_close(generator(drawn, text), image)
    assert not torch.allclose(generator(noise, text), image)


def test_the_same_latents_make_the_same_image(generator):
    latents, text = torch.randn(2, generator.latent_dim), text_of(2)
    assert torch.equal(generator(latents, text), generator(latents, text))


def test_a_trained_image_does_not_depend_on_its_neighbours(generator):
    latents, text = torch.randn(4, generator.latent_dim), text_of(4)
    alone = generator(latents[1:2], TextFeatures(*(part[1:2] for part in text)))
    torch.testing.assert_close(alone, generator(latents, text)[1:2], atol=1e-5, rtol=1e-4)


def test_the_first_grid_of_a_batch_is_normalised_and_that_of_one_image_by_what_came_before():
    norm, numbers = FirstNorm(3), 4 + 2 * torch.randn(64, 3)
    torch.testing.assert_close(norm(numbers), (numbers - numbers.mean(0)) / (numbers.var(0, False) + 1e-5).sqrt())
    alone = norm(numbers[:1])
    torch.testing.assert_close(alone, norm.eval()(numbers[:1]))


def test_half_precision_masks_padding_too(generator):
    planes, text = torch.randn(1, 2, 4, 4).bfloat16(), text_of(1, length=4, real=2)
    attention = WordAttention(2, WORD).bfloat16()
    weights = attention.weights(planes, attention.project(text.words.bfloat16()), text.mask)
    assert weights.isfinite().all()
    assert not weights[..., 2:].any()


def test_there_is_no_layer_that_is_not_used():
    generator = make(num_stages=3)
    sum(image.square().sum() for image in generator.stages(torch.randn(4, generator.latent_dim), text_of(4))).backward()
    assert not [name for name, parameter in generator.named_parameters() if parameter.grad is None]
    assert not any(isinstance(module, nn.Dropout) for module in generator.modules())
