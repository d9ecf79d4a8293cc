"""A GAN with a pretrained text encoder learns the same in micro-batches and on two devices as in whole batches."""

import devices
import pytest
import tiny_transformers
import torch
from steps import built, taught

SMALL_GAN = (
    *("model=mlp_gan", "generator.hidden_dims=[16,16]", "generator.latent_dim=4", "discriminator.hidden_dims=[16,16]"),
    *("data=scenes_small", "data.batch_size=8", "system.mismatch_weight=0.5", "text_encoder=bert"),
)
CHOICES = {
    "frozen": ("text_encoder.sentence_dim=8",),
    "tuned": ("text_encoder.tuned=true",),
    "tuned, for both": ("text_encoder.tuned=true", "system.separate_text_encoders=false"),
}
SHORT = ("tracking=none", "budget_images=32", "validate_every_images=16", "data.val_size=16")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_transformers.bert(tmp_path_factory.mktemp("networks") / "bert")


@pytest.mark.parametrize("choice", CHOICES)
def test_micro_batches_teach_what_the_whole_batch_teaches(choice, folder):
    overrides = [*SMALL_GAN, *CHOICES[choice], f"text_encoder.pretrained={folder}"]
    whole = taught(built(overrides), overrides)
    parts = taught(built([*overrides, "system.micro_batch_size=3"]), overrides)
    for step, other in zip(whole.gradients, parts.gradients, strict=True):
        total = torch.stack([gradient.norm() for gradient in step]).norm()
        assert total > 0
        for gradient, accumulated in zip(step, other, strict=True):
            assert (gradient - accumulated).norm() <= 1e-6 * total


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["frozen", "tuned"])
def test_two_devices_learn_the_same_as_one(choice, folder, tmp_path):
    overrides = [*SMALL_GAN, *CHOICES[choice], f"text_encoder.pretrained={folder}", *SHORT]
    (one,) = devices.trained(overrides, 1, tmp_path / "one")
    for other in devices.trained(overrides, 2, tmp_path / "two", "ddp"):
        for key, value in one["state"].items():
            assert torch.allclose(value.double(), other["state"][key].double(), rtol=1e-5, atol=1e-6), key
