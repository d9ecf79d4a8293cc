import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from diptych.models.gan.stagewise import AttnGANDiscriminator
from diptych.types import TextFeatures

CONDITION = 6


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def discriminator():
    return AttnGANDiscriminator(condition_dim=CONDITION, width=1).eval()


def text_of(rows: int) -> TextFeatures:
    return TextFeatures(torch.randn(rows, CONDITION), torch.zeros(rows, 3, 2), torch.ones(rows, 3, dtype=torch.bool))


def num_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("image_size", "num_stages"), [(32, 3), (32, 1), (64, 3), (128, 2)])
def test_each_stage_reads_images_of_its_size(image_size, num_stages):
    discriminator = AttnGANDiscriminator(
        image_size=image_size, image_channels=1, condition_dim=CONDITION, width=1, num_stages=num_stages
    )
    stages = discriminator.stages()
    assert len(stages) == num_stages
    for level, stage in enumerate(reversed(stages)):
        side = image_size // 2**level
        features = stage.encode(torch.randn(2, 1, side, side))
        assert features.shape == (2, 8, 4, 4)
        assert stage.score(features, text_of(2)).shape == stage.score_alone(features).shape == (2,)


def test_at_256_pixels_they_have_the_parameters_of_the_authors_code():
    """Counted from github.com/taoxugit/AttnGAN, commit 0d000e6, code/model.py: D_NET64, D_NET128, D_NET256."""
    with torch.device("meta"):
        stages = AttnGANDiscriminator(image_size=256, condition_dim=256, width=64, num_stages=3).stages()
    assert [num_parameters(stage) for stage in stages] == [6_313_730, 19_424_002, 71_858_946]


def test_the_default_size_has_the_parameters_in_its_config():
    with torch.device("meta"):
        assert num_parameters(AttnGANDiscriminator(condition_dim=256, width=16)) == 1_646_470


def test_the_last_stage_scores_for_the_whole(discriminator):
    images, text = torch.randn(2, 3, 32, 32), text_of(2)
    last = discriminator.stages()[-1]
    assert torch.equal(discriminator(images, text), last(images, text))
    assert torch.equal(discriminator.score(discriminator.encode(images), text), last(images, text))


def test_stages_share_nothing(discriminator):
    parameters = [{id(parameter) for parameter in stage.parameters()} for stage in discriminator.stages()]
    assert sum(map(len, parameters)) == len(list(discriminator.parameters()))


def test_the_sentence_changes_the_logit_of_a_pair_and_not_that_of_the_image_alone(discriminator):
    features = discriminator.encode(torch.randn(1, 3, 32, 32))
    assert not torch.equal(discriminator.score(features, text_of(1)), discriminator.score(features, text_of(1)))
    discriminator.stages()[-1].score_alone(features).sum().backward()
    told = [p for name, p in discriminator.named_parameters() if "mix" in name or "pair_head" in name]
    assert told
    assert all(parameter.grad is None for parameter in told)


def test_the_logit_of_a_pair_is_no_sum_of_image_and_sentence(discriminator):
    images, texts = torch.randn(2, 1, 3, 32, 32), [text_of(1), text_of(1)]
    (a, b), (c, d) = ([discriminator(image, text) for text in texts] for image in images)
    assert abs(float((a - b - c + d).detach())) > 1e-6


def test_spectral_normalisation_is_of_every_layer_of_every_stage():
    discriminator = AttnGANDiscriminator(condition_dim=CONDITION, width=1, spectral_norm=True)
    layers = [module for module in discriminator.modules() if isinstance(module, nn.Conv2d)]
    assert len(layers) == (1 + 2 + 3) + 3 * 3
    assert all(is_parametrized(layer, "weight") for layer in layers)
