import pytest
import torch
from torch import nn

from diptych.models.denoisers.dit import DiT
from diptych.models.denoisers.unet import UNet
from diptych.models.null_condition import NullCondition
from diptych.models.waves import Waves
from diptych.types import TextFeatures

SMALL = {"condition_dim": 6, "word_dim": 4}
DENOISERS = {
    "unet": lambda **more: UNet(**{**SMALL, "widths": [8, 16], "embedding_dim": 16, "head_dim": 8, **more}),
    "dit": lambda **more: DiT(**{**SMALL, "dim": 16, "depth": 2, "num_heads": 2, **more}),
}


def lively(network: nn.Module) -> nn.Module:
    """A network in which no layer is zero, as a new one's last layers are."""
    torch.manual_seed(1)
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.3)
    return network


def reading(number=3, seed=0) -> TextFeatures:
    rng = torch.Generator().manual_seed(seed)
    mask = torch.tensor([[True, True, False]] * number)
    return TextFeatures(torch.randn(number, 6, generator=rng), torch.randn(number, 3, 4, generator=rng), mask)


def seen(number=3, size=32, channels=3):
    return torch.randn(number, channels, size, size, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("make", DENOISERS.values(), ids=DENOISERS)
def test_a_new_denoiser_says_zero(make):
    assert not make()(seen(), [torch.rand(3)], reading()).any()


@pytest.mark.parametrize("make", DENOISERS.values(), ids=DENOISERS)
@pytest.mark.parametrize("heard", ["level", "sentence", "words", "image"])
def test_what_a_denoiser_says_depends_on_all_that_it_is_told(make, heard):
    network, noisy, level, text = lively(make()), seen(), [torch.rand(3)], reading()
    before = network(noisy, level, text)
    other = reading(seed=5)
    changed = {
        "level": (noisy, [level[0] + 0.1], text),
        "sentence": (noisy, level, text._replace(sentence=other.sentence)),
        "words": (noisy, level, text._replace(words=other.words)),
        "image": (seen() + 0.1, level, text),
    }
    assert not torch.allclose(network(*changed[heard]), before, atol=1e-4)


@pytest.mark.parametrize("make", DENOISERS.values(), ids=DENOISERS)
def test_words_that_are_no_words_are_not_heard(make):
    network, text = lively(make()), reading()
    other = text._replace(words=torch.where(text.mask[..., None], text.words, 9.0))
    one, two = (network(seen(), [torch.ones(3)], said) for said in (text, other))
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize("make", DENOISERS.values(), ids=DENOISERS)
def test_images_of_a_batch_do_not_see_one_another(make):
    network, text, level = lively(make()), reading(), torch.rand(3)
    whole = network(seen(), [level], text)
    for i in range(3):
        alone = network(seen()[i : i + 1], [level[i : i + 1]], TextFeatures(*(part[i : i + 1] for part in text)))
        torch.testing.assert_close(alone, whole[i : i + 1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("make", DENOISERS.values(), ids=DENOISERS)
def test_every_parameter_learns(make):
    network = lively(make())
    text = network.null.in_place_of(reading(), torch.tensor([True, False, False]))
    network(seen(), [torch.rand(3)], text).square().sum().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("make", DENOISERS.values(), ids=DENOISERS)
@pytest.mark.parametrize(("size", "channels"), [(16, 1), (64, 3)])
def test_other_images_keep_their_shape(make, size, channels):
    network = make(sample_size=size, sample_channels=channels, condition_dim=0, word_dim=0)
    assert network(seen(2, size, channels), [torch.rand(2)]).shape == (2, channels, size, size)
    assert network.null is None


def test_no_sentence_takes_the_place_of_those_that_are_dropped():
    null, text = NullCondition(6, 4), reading()
    mixed = null.in_place_of(text, torch.tensor([True, False, True]))
    assert mixed.sentence[1].equal(text.sentence[1])
    assert mixed.sentence[0].equal(null.sentence)
    assert mixed.mask.tolist() == [[True, False, False], [True, True, False], [True, False, False]]
    alone = null(2)
    assert alone.words.shape == (2, 1, 4)
    assert mixed.words[0, 0].equal(alone.words[0, 0])


def test_near_levels_sound_alike_and_far_ones_do_not():
    waves = Waves(32)
    near, far = waves(torch.tensor([0.5, 0.501])), waves(torch.tensor([0.1, 0.9]))
    assert (near[0] - near[1]).norm() < (far[0] - far[1]).norm() / 2


@pytest.mark.parametrize(
    ("kind", "settings", "reason"),
    [
        (UNet, {"attention_levels": 4}, r"denoiser\.attention_levels=4: there are 3 sizes"),
        (UNet, {"embedding_dim": 15}, "give an even embedding_dim"),
        (UNet, {"widths": [64, 96, 112]}, "head_dim=32: 112 channels cannot be shared by 3 heads"),
        (UNet, {"sample_size": 28}, r"images of 28 px cannot be divided by 8; set data\.image_size"),
        (UNet, {"widths": [29, 36]}, "29 cannot be normalised in groups"),
        (DiT, {"sample_size": 30}, r"denoiser\.patch_size=4 must divide the images' 30 px"),
        (DiT, {"dim": 30}, r"denoiser\.num_heads=4 must divide denoiser\.dim=30"),
    ],
)
def test_sizes_that_do_not_go_together_are_refused_by_name(kind, settings, reason):
    with pytest.raises(ValueError, match=reason):
        kind(**settings)


def test_learned_positions_tell_places_apart_at_every_size():
    """Far from the borders, convolutions see the same in a grey image everywhere; learned places differ."""
    torch.manual_seed(0)
    sizes = {"sample_size": 128, "sample_channels": 1, "widths": [8, 8], "attention_levels": 0, "embedding_dim": 16}
    plain, placed = UNet(**sizes), UNet(**sizes, positions=True)
    assert [tuple(place.shape) for place in placed.positions] == [(8, 64, 64), (8, 32, 32)]
    placed.load_state_dict(plain.state_dict(), strict=False)
    for network in (plain, placed):
        nn.init.normal_(network.last[-1].weight, std=0.1, generator=torch.Generator().manual_seed(1))
    grey, levels = torch.zeros(1, 1, 128, 128), [torch.full((1,), 0.5)]
    inner = [network(grey, levels)[0, 0, 48:80:2, 48:80:2] for network in (plain, placed)]
    assert inner[0].std() < 1e-4 * inner[1].std()
    inner[1].square().sum().backward()
    assert all(place.grad.any() for place in placed.positions)
