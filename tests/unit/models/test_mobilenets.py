"""MobileNets see photographs as the networks that they were made from."""

import json

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from diptych.data.squares import read_square
from diptych.models.mobilenets import MobileNetV1, MobileNetV2, SameConv


@pytest.mark.parametrize("side", [7, 8, 9, 10])
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_is_that_of_tensorflow(side, stride):
    """SAME: as many outputs as steps fit in, and the odd pixel of padding behind."""
    conv = SameConv(1, 1, 3, stride, relu=False)
    torch.nn.init.ones_(conv.c.weight)
    torch.nn.init.zeros_(conv.c.bias)
    grid = torch.rand(1, 1, side, side)
    total = max((-(-side // stride) - 1) * stride + 3 - side, 0)
    before = total // 2
    padded = F.pad(grid, (before, total - before, before, total - before))
    expected = 9 * F.avg_pool2d(padded, 3, stride)
    assert torch.allclose(conv(grid), expected, atol=1e-5)
    assert conv(grid).shape[-1] == -(-side // stride)


def test_version_2_has_the_parameters_of_torchvisions_with_normalisation_folded():
    theirs = torchvision.models.mobilenet_v2(weights=None).features.modules()
    folded = sum(
        module.weight.numel() if isinstance(module, nn.Conv2d) else module.num_features
        for module in theirs
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d)
    )
    ours = MobileNetV2(weights=None, finetune=True).features
    assert sum(p.numel() for p in ours.parameters()) == folded == 2_206_816


def test_version_1_of_a_quarter_of_the_width_has_the_published_470_000_parameters():
    network = MobileNetV1(weights=None, finetune=True)
    assert round(sum(p.numel() for p in network.parameters()), -4) == 470_000


@pytest.mark.parametrize(("network", "dim"), [(MobileNetV1, 256), (MobileNetV2, 1_280)])
def test_a_region_has_32_pixels_a_side(network, dim):
    features = network(weights=None, finetune=True)(torch.rand(2, 1, 64, 96) * 2 - 1)
    assert features.pooled.shape == (2, dim)
    assert features.regions.shape == (2, 6, dim)


def test_weights_are_read_once_and_a_restored_network_needs_no_file(tmp_path):
    torch.manual_seed(0)
    trained, file = MobileNetV1(weights=None, finetune=True), tmp_path / "weights.pt"
    torch.save(trained.state_dict(), file)
    images = torch.rand(1, 3, 64, 64)
    frozen = MobileNetV1(weights=str(file))
    assert torch.equal(frozen(images).pooled, trained(images).pooled)
    file.unlink()
    restored = MobileNetV1(weights=str(file))
    restored.load_state_dict(frozen.state_dict())
    assert torch.equal(restored(images).pooled, trained(images).pooled)
    assert not any(p.requires_grad for p in frozen.parameters())


def test_wrong_weights_are_named(tmp_path):
    file = tmp_path / "weights.pt"
    torch.save(MobileNetV1(weights=None, finetune=True).state_dict(), file)
    with pytest.raises(ValueError, match=r"image_encoder.weights=.* is not a state dict of this network"):
        MobileNetV2(weights=str(file))(torch.rand(1, 3, 32, 32))
    with pytest.raises(ValueError, match="finetune=true"):
        MobileNetV2(weights=None)


def test_photographs_are_classified_as_what_is_seen_in_them(shared_data):
    """Captions of COCO that name one of a few unmistakable things, against ImageNet's classes of these things."""
    classes = {
        "zebra": range(341, 342),
        "pizza": range(964, 965),
        "bus": (655, 780, 875),
        "train": (548, 706, 821, 467),
    }
    network = MobileNetV2(weights=str(shared_data / "cnn" / "mobilenet_v2_1.0_224.fp16.pt"), input_size=224)
    folder = shared_data / "coco_mini"
    captions = json.loads((folder / "annotations" / "captions_val2017_all159.json").read_text())
    files = {image["id"]: image["file_name"] for image in captions["images"]}
    right = total = 0
    for thing, numbers in classes.items():
        named = [a["image_id"] for a in captions["annotations"] if f" {thing}" in a["caption"].lower()]
        for image_id in {i for i in named if named.count(i) >= 4}:
            path = next((folder / "images160").rglob(files[image_id]))
            square = read_square(path, 224)[None].float() / 127.5 - 1
            best = network.class_logits(square).topk(5).indices[0].tolist()
            right, total = right + bool(set(best) & set(numbers)), total + 1
    assert total >= 4
    assert right / total >= 0.7
