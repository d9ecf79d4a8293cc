"""What a GAN's sampling options do to its images, and which generators cannot follow them."""

import pytest
import torch
from torch import nn

from diptych.systems.gan.options import LatentOptions, guided
from diptych.types import TextFeatures

LAYERS, STYLE = 4, 5


class StyledGenerator(nn.Module):
    """Each layer draws a quarter of the rows from its own style."""

    def __init__(self, latent_dim: int = 10, condition_dim: int = 6) -> None:
        super().__init__()
        self.latent_dim, self.num_styles = latent_dim, LAYERS
        self.mapping = nn.Linear(latent_dim + condition_dim, STYLE)
        self.rows = nn.ModuleList(nn.Linear(STYLE, 7 * 28) for _ in range(LAYERS))
        self.register_buffer("mean_style", torch.linspace(-1, 1, STYLE))

    def styles(self, latents, text=None):
        return self.mapping(torch.cat([latents, text.sentence], dim=1))[:, None].expand(-1, LAYERS, -1)

    def noise(self, latents):
        return 0.1 * latents[:, :1, None, None]

    def from_styles(self, styles, noise=0.0):
        rows = [layer(style).unflatten(1, (1, 7, 28)) for layer, style in zip(self.rows, styles.unbind(1), strict=True)]
        return (torch.cat(rows, dim=2) + noise).tanh()

    def forward(self, latents, text=None):
        return self.from_styles(self.styles(latents, text), self.noise(latents))


@pytest.fixture
def gan(make_gan):
    gan = make_gan()
    gan.reference_sentences = ("a b", "c d", "e f g")
    return gan


@pytest.fixture
def styled(make_gan):
    gan = make_gan(generator=StyledGenerator())
    gan.reference_sentences = ("a b", "c d")
    return gan


def images(gan, sentences=("a b c",), **options):
    return gan.generate(list(sentences), num_images=3, options=LatentOptions(**options))


def test_guidance_moves_sentences_away_from_the_mean():
    text = TextFeatures(torch.tensor([[3.0, 1.0]]), torch.ones(1, 2, 3), torch.ones(1, 2, dtype=torch.bool))
    moved = guided(text, torch.tensor([1.0, 1.0]), 2.5)
    assert moved.sentence.tolist() == [[6.0, 1.0]]
    assert torch.equal(moved.words, text.words)


def test_guidance_starts_from_the_mean_over_the_reference_sentences(gan):
    encode = gan.text_encoder
    mean = torch.stack([encode(gan._tokenized([s])).sentence[0] for s in gan.reference_sentences]).mean(0)
    torch.testing.assert_close(gan.mean_sentence(encode), mean)


def test_the_mean_of_sentences_is_read_once_for_all_images_of_a_call(gan):
    counted = Counted(gan.text_encoder)
    gan.text_encoder = counted
    gan.generate(["a b c"], num_images=6, batch_size=2, options=LatentOptions(guidance_scale=2.0), use_ema=False)
    assert counted.sizes == [2, len(gan.reference_sentences), 2, 2]
    gan.generate(["a b c"], options=LatentOptions(guidance_scale=2.0), use_ema=False)
    assert counted.sizes[4:] == [1, len(gan.reference_sentences)]  # other weights by now, perhaps


class Counted(nn.Module):
    """How many sentences a text encoder is asked to read at a time."""

    def __init__(self, encode):
        super().__init__()
        self.encode, self.sizes = encode, []

    def forward(self, sentences):
        self.sizes.append(len(sentences.texts))
        return self.encode(sentences)


def test_without_guidance_images_stay_bit_for_bit(gan):
    assert torch.equal(images(gan, guidance_scale=1.0), gan.generate(["a b c"], num_images=3))
    assert not torch.equal(images(gan, guidance_scale=2.0), images(gan))


def test_guidance_of_zero_forgets_the_sentence(gan):
    one, other = gan.generate(["a b", "g"], noise_keys=["x", "x"], options=LatentOptions(guidance_scale=0.0))
    torch.testing.assert_close(one, other)
    one, other = gan.generate(["a b", "g"], noise_keys=["x", "x"])
    assert (one - other).abs().max() > 1e-3


def test_a_guided_image_is_that_of_the_moved_vector(gan):
    text = gan.text_encoder(gan._tokenized(["a b c"]))
    moved = guided(text, gan.mean_sentence(gan.text_encoder), 3.0)
    latents = gan_latents(gan)
    gan.eval()
    torch.testing.assert_close(images(gan, guidance_scale=3.0)[:1], gan.generator(latents, moved))


def gan_latents(gan, draws=1):
    from diptych.systems.image_rngs import ImageRngs

    rngs = ImageRngs([("a b c", 0)], seed=0)
    return [rngs.randn(10) for _ in range(draws)][-1]


def test_truncation_of_styles_pulls_them_to_their_mean(styled):
    text, latents = styled.text_encoder(styled._tokenized(["a b c"])), gan_latents(styled)
    styles = styled.generator.styles(latents, text)
    pulled = styled.generator.mean_style + 0.3 * (styles - styled.generator.mean_style)
    by_hand = styled.generator.from_styles(pulled, styled.generator.noise(latents))
    torch.testing.assert_close(images(styled, truncation=0.3)[:1], by_hand)
    torch.testing.assert_close(images(styled, truncation=1.0), images(styled))


def test_without_options_styles_give_what_the_generator_gives(styled):
    text = styled.text_encoder(styled._tokenized(["a b c"]))
    torch.testing.assert_close(images(styled)[:1], styled.generator(gan_latents(styled), text))


def test_layers_before_the_first_other_one_keep_their_style(styled):
    plain, other = images(styled), images(styled, style_mixing=2)
    torch.testing.assert_close(plain[:, :, :14], other[:, :, :14])
    assert not torch.isclose(plain[:, :, 14:], other[:, :, 14:]).all()
    text = styled.text_encoder(styled._tokenized(["a b c"]))
    second = styled.generator.styles(gan_latents(styled, draws=2), text)
    by_hand = styled.generator.from_styles(second, styled.generator.noise(gan_latents(styled)))
    torch.testing.assert_close(other[:1, :, 14:], by_hand[:, :, 14:])


def test_more_layers_than_there_are_cannot_be_mixed(styled):
    with pytest.raises(ValueError, match=r"style_mixing=4: the generator has 4 styles; take 1 to 3"):
        images(styled, style_mixing=4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style_mixing": 2}, r"style_mixing=2: generator DCGANGenerator has no styles"),
        ({"guidance_scale": 2.0}, r"guidance_scale=2.0: the checkpoint keeps no training sentences"),
    ],
)
def test_what_the_networks_cannot_follow_is_refused_by_name(make_gan, options, message):
    gan = make_gan()
    gan.generator.forward = lambda *_: pytest.fail("something was computed")
    with pytest.raises(ValueError, match=message):
        images(gan, **options)


def test_a_generator_without_sentences_has_no_guidance(make_gan):
    with pytest.raises(ValueError, match="learned without sentences"):
        make_gan(conditional=False).generate(options=LatentOptions(guidance_scale=1.5))


@pytest.mark.parametrize(
    "values",
    [
        *({"truncation": value} for value in (0.0, -1.0, float("nan"), float("inf"))),
        *({"guidance_scale": value} for value in (-0.5, float("nan"), float("inf"))),
        {"style_mixing": 0},
    ],
)
def test_impossible_values_are_refused(values):
    (name,) = values
    with pytest.raises(ValueError, match=f"{name}="):
        LatentOptions(**values)


def test_reference_sentences_are_part_of_the_checkpoint(gan, make_gan, fit, batches, tmp_path):
    fit(gan, batches).save_checkpoint(tmp_path / "run.ckpt")
    other = make_gan(seed=1)
    fit(other, batches, ckpt_path=tmp_path / "run.ckpt")
    assert other.reference_sentences == ("a b", "c d", "e f g")
    assert torch.equal(images(gan, guidance_scale=2.0), images(other, guidance_scale=2.0))
