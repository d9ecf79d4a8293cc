"""Pretrained weights are read unless a state dict brings them, whatever else is loaded into the system around them."""

import pytest
import torch
from torch import nn

from diptych.models.backbones import ResNetEncoder
from diptych.models.image_encoders import TimmEncoder
from diptych.models.mobilenets import MobileNetV1

IMAGES = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


def mobilenet(folder):
    torch.manual_seed(0)
    file = folder / "mobilenet.pth"
    torch.save(MobileNetV1(weights=None, finetune=True).state_dict(), file)
    return lambda: MobileNetV1(weights=str(file)), "classifier.bias"


def backbone(folder):
    import torchvision

    torch.manual_seed(0)
    file = folder / "resnet.pth"
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), file)
    return lambda: ResNetEncoder(architecture="resnet18", weights=str(file)), "stages.stem.bn1.bias"


def timm_network(folder):
    pytest.importorskip("timm", reason="the extra `timm` is not installed")
    torch.manual_seed(0)
    file, settings = folder / "timm.pth", {"architecture": "test_resnet"}
    torch.save(TimmEncoder(**settings, weights=None, finetune=True).network.state_dict(), file)
    return lambda: TimmEncoder(**settings, weights=str(file)), "network.conv1.0.weight"


@pytest.fixture(params=[mobilenet, backbone, timm_network])
def made(request, tmp_path):
    return request.param(tmp_path)


def system_of(encoder) -> nn.ModuleDict:
    return nn.ModuleDict({"image_encoder": encoder.eval(), "caption_decoder": nn.Linear(2, 2)})


def test_loading_another_part_leaves_the_encoder_to_its_file(made):
    make, _ = made
    expected = make().eval()(IMAGES).pooled
    system = system_of(make())
    system.load_state_dict({"caption_decoder.bias": torch.ones(2)}, strict=False)
    assert torch.equal(system["image_encoder"](IMAGES).pooled, expected)


def test_a_part_of_the_encoder_is_loaded_over_its_file(made):
    make, name = made
    system, given = system_of(make()), torch.full_like(make().state_dict()[name], 0.25)
    system.load_state_dict({f"image_encoder.{name}": given}, strict=False)
    system["image_encoder"](IMAGES)
    expected = make()
    expected(IMAGES)
    for key, value in system["image_encoder"].state_dict().items():
        assert torch.equal(value, given if key == name else expected.state_dict()[key]), key


def test_all_of_the_encoder_needs_no_file(made, tmp_path):
    make, _ = made
    first, again = system_of(make()), system_of(make())
    first["image_encoder"](IMAGES)
    for file in tmp_path.glob("*.pth"):
        file.unlink()
    again.load_state_dict(first.state_dict())
    assert torch.equal(again["image_encoder"](IMAGES).pooled, first["image_encoder"](IMAGES).pooled)


def test_tensors_of_other_names_are_taken_in_order_only_where_the_last_names_agree(tmp_path):
    """A mean is no variance, and a weight no bias, though their shapes are the same."""
    pytest.importorskip("timm", reason="the extra `timm` is not installed")
    learning = TimmEncoder(architecture="test_resnet", weights=None, finetune=True).eval()
    state = {f"theirs.{name}": value for name, value in learning.network.state_dict().items()}
    torch.save(state, tmp_path / "renamed.pth")
    renamed = TimmEncoder(architecture="test_resnet", weights=str(tmp_path / "renamed.pth"))
    assert torch.equal(renamed(IMAGES).pooled, learning(IMAGES).pooled)
    swapped = dict(sorted(state.items(), key=lambda item: item[0].replace("weight", "a").replace("bias", "Z")))
    torch.save(swapped, tmp_path / "swapped.pth")
    with pytest.raises(ValueError, match=r"swapped\.pth is not a state dict of test_resnet"):
        TimmEncoder(architecture="test_resnet", weights=str(tmp_path / "swapped.pth"))(IMAGES)
