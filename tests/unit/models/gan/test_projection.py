import pytest
import torch
from torch.nn import functional as F

from diptych.models.gan.projection import DownBlock, ProjectionDiscriminator
from diptych.types import TextFeatures

CONDITION = 12


@pytest.fixture
def discriminator():
    torch.manual_seed(0)
    return ProjectionDiscriminator(condition_dim=CONDITION, widths=(6, 8, 12, 16))


def text_of(sentence):
    rows = len(sentence)
    return TextFeatures(sentence, torch.zeros(rows, 3, 2), torch.ones(rows, 3, dtype=torch.bool))


def settle(discriminator, pictures):
    """Let the power iterations of spectral normalisation converge, then stop them."""
    for _ in range(200):
        discriminator.encode(pictures)
        discriminator.head(torch.zeros(1, discriminator.head.in_features))
        discriminator.embedding(torch.zeros(1, discriminator.head.in_features))
    return discriminator.eval()


def test_the_projection_is_linear_in_the_sentence(discriminator):
    features = settle(discriminator, torch.randn(3, 3, 32, 32)).encode(torch.randn(3, 3, 32, 32))
    first, second = torch.randn(3, CONDITION), torch.randn(3, CONDITION)
    nothing = discriminator.score(features, text_of(torch.zeros(3, CONDITION)))
    each = [discriminator.score(features, text_of(s)) - nothing for s in (first, second)]
    both = discriminator.score(features, text_of(first + second)) - nothing
    assert torch.allclose(both, sum(each), atol=1e-5)


def test_forward_is_score_of_encode(discriminator):
    discriminator.eval()
    pictures, text = torch.randn(3, 3, 32, 32), text_of(torch.randn(3, CONDITION))
    assert torch.equal(discriminator(pictures, text), discriminator.score(discriminator.encode(pictures), text))


def test_no_picture_depends_on_its_neighbours_even_in_training(discriminator):
    discriminator.eval()
    pictures, text = torch.randn(4, 3, 32, 32), text_of(torch.randn(4, CONDITION))
    alone = discriminator(pictures[1:2], text_of(text.sentence[1:2]))
    assert torch.allclose(discriminator(pictures, text)[1:2], alone, atol=1e-5)
    assert not any(isinstance(module, torch.nn.modules.batchnorm._BatchNorm) for module in discriminator.modules())


def test_every_weight_has_spectral_norm_one(discriminator):
    settle(discriminator, torch.randn(2, 3, 32, 32))
    weights = [m.weight.flatten(1) for m in discriminator.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(weights) == 14
    assert all(torch.linalg.matrix_norm(w, 2).item() == pytest.approx(1, abs=0.02) for w in weights)


def test_objects_darker_than_the_background_change_the_logit():
    torch.manual_seed(0)
    reading, rectifying = (DownBlock(3, 8, reads_pixels=reads, halves=True).eval() for reads in (True, False))
    rectifying.load_state_dict(reading.state_dict())
    dark = -torch.rand(2, 3, 8, 8)
    assert torch.allclose(
        rectifying(dark) - rectifying(0 * dark),
        reading.shortcut(F.avg_pool2d(dark, 2)) - reading.shortcut(0 * dark[..., :4, :4]),
        atol=1e-6,
    )
    assert not torch.allclose(reading(dark), rectifying(dark), atol=1e-3)


def test_without_sentences_there_is_no_embedding():
    discriminator = ProjectionDiscriminator(image_size=16, image_channels=1, widths=(8, 8, 8))
    assert discriminator(torch.randn(5, 1, 16, 16)).shape == (5,)
    with pytest.raises(AssertionError, match="has no embedding"):
        discriminator.embed(discriminator.encode(torch.randn(5, 1, 16, 16)))


def test_the_default_has_the_number_of_parameters_in_its_config():
    discriminator = ProjectionDiscriminator(condition_dim=256)
    assert sum(p.numel() for p in discriminator.parameters()) == pytest.approx(1.8e6, rel=0.02)


def test_a_picture_too_small_for_the_halvings_is_refused():
    with pytest.raises(ValueError, match=r"discriminator\.widths=\[8, 8, 8, 8\] halves the picture 3 times"):
        ProjectionDiscriminator(image_size=28, widths=(8, 8, 8, 8))
