import copy

import pytest
import torch

from diptych.models.gan.projected import ProjectedDiscriminator
from diptych.models.image_encoders import ConvEncoder
from diptych.types import TextFeatures


@pytest.fixture
def backbone():
    return ConvEncoder(image_size=32, widths=(4, 6, 8), num_halvings=3, pooled_dim=8).eval().requires_grad_(False)


@pytest.fixture
def discriminator(backbone):
    model = ProjectedDiscriminator(condition_dim=6, backbone_dims=(4, 6, 8), width=8, joint_dim=8, pixel_widths=(4, 4))
    model.set_backbone(backbone)
    return model


def features(number):
    return TextFeatures(torch.randn(number, 6), torch.randn(number, 3, 4), torch.ones(number, 3, dtype=torch.bool))


def test_the_eye_is_neither_trained_nor_saved(discriminator, backbone):
    own = {id(p) for p in discriminator.parameters()}
    assert not own & {id(p) for p in backbone.parameters()}
    assert not [key for key in discriminator.state_dict() if "convolutions" in key]
    assert copy.deepcopy(discriminator).backbone.borrowed.network is backbone


def test_every_parameter_learns_and_gradients_reach_the_pixels(discriminator):
    images = torch.randn(3, 3, 32, 32, requires_grad=True)
    seen = discriminator.encode(images)
    (discriminator.score(seen, features(3)).sum() + discriminator.patch_logits(seen).sum()).backward()
    assert images.grad is not None
    assert images.grad.any()
    assert not [name for name, p in discriminator.named_parameters() if p.grad is None or not p.grad.any()]


def test_one_look_serves_many_sentences(discriminator):
    images, text = torch.randn(4, 3, 32, 32), features(4)
    seen = discriminator.encode(images)
    torch.testing.assert_close(discriminator.score(seen, text), discriminator(images, text))
    assert not torch.allclose(discriminator.score(seen, text), discriminator.score(seen, features(4)))


def test_a_patchs_logit_does_not_see_the_far_side_of_the_picture(discriminator):
    images = torch.randn(1, 3, 32, 32)
    changed = images.clone()
    changed[..., -4:] += 1
    before, after = (discriminator.patch_logits(discriminator.encode(x))[0, 64:].view(8, 8) for x in (images, changed))
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, -1], after[:, -1])


def test_without_an_eye_the_part_to_name_is_said():
    with pytest.raises(ValueError, match=r"parts\.captioner\.run"):
        ProjectedDiscriminator(backbone_dims=(4, 6, 8))(torch.randn(1, 3, 32, 32))


def test_an_eye_of_other_widths_is_named(backbone):
    model = ProjectedDiscriminator(backbone_dims=(4, 6, 9))
    model.set_backbone(backbone)
    with pytest.raises(ValueError, match=r"backbone_dims=\[4, 6, 9\]: this captioner has \[4, 6, 8\]"):
        model(torch.randn(1, 3, 32, 32))


def test_a_captioner_without_grids_is_refused():
    with pytest.raises(ValueError, match=r"cannot use a Identity: borrow a captioner with image_encoder=cnn"):
        ProjectedDiscriminator().set_backbone(torch.nn.Identity())
