from urllib.error import URLError

import pytest
import torch
import torchvision
from torch import nn

from diptych.models.backbones import IMAGENET_MEAN, IMAGENET_STD, ResNetEncoder, VGGEncoder

IMAGES = torch.rand(2, 3, 64, 64) * 2 - 1


@pytest.fixture(scope="module")
def classifier():
    torch.manual_seed(1)
    return torchvision.models.resnet18(weights=None).eval()


@pytest.fixture(scope="module")
def weights(classifier, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(classifier.state_dict(), path)
    return str(path)


@pytest.fixture
def frozen(weights):
    return ResNetEncoder(architecture="resnet18", weights=weights)


def of_imagenet(images):
    """As torchvision's recipe prepares pixels."""
    mean, std = torch.tensor(IMAGENET_MEAN).view(3, 1, 1), torch.tensor(IMAGENET_STD).view(3, 1, 1)
    return ((images + 1) / 2 - mean) / std


def test_regions_and_pooled_vector_are_the_classifiers_own(frozen, classifier):
    features = frozen(IMAGES)
    trunk = nn.Sequential(*list(classifier.children())[:-2])
    grid = trunk(of_imagenet(IMAGES))
    assert grid.shape[2:] == (2, 2)
    torch.testing.assert_close(features.regions[:, 1], grid[:, :, 0, 1])
    torch.testing.assert_close(features.pooled, grid.mean((2, 3)))
    assert features.regions.shape == (2, 4, frozen.region_dim)


def test_a_frozen_backbone_gets_no_gradient_and_lets_it_through_to_the_pixels(frozen):
    images = IMAGES.clone().requires_grad_()
    frozen(images).pooled.sum().backward()
    assert all(parameter.grad is None for parameter in frozen.parameters())
    assert images.grad.abs().sum() > 0


def test_a_frozen_backbones_statistics_never_change(frozen):
    first = frozen.train()(IMAGES).pooled
    before = {name: buffer.clone() for name, buffer in frozen.named_buffers()}
    assert torch.equal(frozen(IMAGES).pooled, first)
    assert torch.equal(frozen.eval()(IMAGES).pooled, first)
    assert all(torch.equal(buffer, before[name]) for name, buffer in frozen.named_buffers())


def test_fine_tuning_from_a_stage_trains_it_and_what_follows(weights):
    encoder = ResNetEncoder(architecture="resnet18", weights=weights, train_from="layer4")
    encoder(IMAGES)
    before = {name: buffer.clone() for name, buffer in encoder.named_buffers()}
    encoder(IMAGES).pooled.sum().backward()
    learning = {name.split(".")[1] for name, p in encoder.named_parameters() if p.grad is not None}
    moving = {name.split(".")[1] for name, buffer in encoder.named_buffers() if not torch.equal(buffer, before[name])}
    assert learning == moving == {"layer4"}


def test_grey_images_give_the_features_of_three_equal_channels(frozen):
    grey = IMAGES[:, :1]
    torch.testing.assert_close(frozen(grey).pooled, frozen(grey.repeat(1, 3, 1, 1)).pooled)


def test_small_images_are_enlarged_to_the_input_size(weights):
    encoder = ResNetEncoder(architecture="resnet18", weights=weights, input_size=96)
    assert encoder(IMAGES[..., :32, :32]).regions.shape == (2, 9, 512)


def test_pretrained_weights_are_read_once(weights):
    encoder = ResNetEncoder(architecture="resnet18", weights=weights, train_from="layer4")
    encoder(IMAGES)
    with torch.no_grad():
        encoder.stages["layer4"][0].conv1.weight.zero_()
    encoder(IMAGES)
    assert not encoder.stages["layer4"][0].conv1.weight.any()


def test_a_checkpoint_needs_the_weights_file_no_more(frozen, classifier):
    frozen(IMAGES)
    restored = ResNetEncoder(architecture="resnet18", weights="gone/away.pth")
    restored.load_state_dict(frozen.state_dict())
    torch.testing.assert_close(restored(IMAGES).pooled, frozen(IMAGES).pooled)


def test_files_that_do_not_fit_are_refused_by_what_they_lack(tmp_path, classifier):
    def complaint(content) -> str:
        path = tmp_path / "weights.pth"
        torch.save(content, path)
        with pytest.raises(ValueError, match=r"image_encoder\.weights=.*weights\.pth") as error:
            ResNetEncoder(architecture="resnet18", weights=str(path))(IMAGES)
        return str(error.value)

    state = classifier.state_dict()
    without = {key: value for key, value in state.items() if key != "layer2.0.conv1.weight"}
    assert "is not a state dict of resnet18: it lacks 1 of 100 entries (layer2.0.conv1.weight" in complaint(without)
    misshapen = {**state, "conv1.weight": torch.zeros(64, 1, 7, 7)}
    assert "conv1.weight has shape (64, 1, 7, 7), not (64, 3, 7, 7)" in complaint(misshapen)
    assert "it lacks 100 of 100 entries" in complaint([1, 2])


def test_without_a_network_the_message_names_both_ways_to_do_without(monkeypatch):
    def offline(architecture, weights=None):
        if weights is not None:
            raise URLError("no network")
        return torchvision_model(architecture)

    torchvision_model = torchvision.models.get_model
    monkeypatch.setattr("torchvision.models.get_model", offline)
    with pytest.raises(ValueError, match=r"weights=DEFAULT: .*weights=FILE\.pth.*weights=null .*train_from=stem"):
        ResNetEncoder(architecture="resnet18")(IMAGES)


def test_a_file_that_is_missing_or_no_weights_at_all_is_named(tmp_path):
    missing = ResNetEncoder(architecture="resnet18", weights=str(tmp_path / "none.pth"))
    with pytest.raises(ValueError, match=r"none\.pth: there is no such file"):
        missing(IMAGES)
    (tmp_path / "text.pth").write_text("hello")
    text = ResNetEncoder(architecture="resnet18", weights=str(tmp_path / "text.pth"))
    with pytest.raises(ValueError, match=r"text\.pth is not a file of weights"):
        text(IMAGES)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"weights": "IMAGENET9"}, "resnet18 has IMAGENET1K_V1, DEFAULT, or give a file"),
        ({"weights": None}, "random and frozen"),
        ({"weights": None, "train_from": "layer4"}, "leaves stem, layer1, layer2, layer3 of resnet18 random"),
        ({"train_from": "layer9"}, "choose one of stem, layer1"),
    ],
)
def test_impossible_settings_say_what_would_do(values, message):
    with pytest.raises(ValueError, match=message):
        ResNetEncoder(architecture="resnet18", **values)


def test_vgg_ends_each_block_with_its_pooling():
    classifier = nn.Module()
    classifier.features = torchvision.models.vgg.make_layers([4, "M", 8, 8, "M", 6, "M"])
    stages = VGGEncoder.split(classifier)
    assert list(stages) == ["block1", "block2", "block3"]
    assert all(isinstance(stage[-1], nn.MaxPool2d) for stage in stages.values())
    images = torch.randn(1, 3, 16, 16)
    torch.testing.assert_close(nn.Sequential(*stages.values())(images), classifier.features(images))
