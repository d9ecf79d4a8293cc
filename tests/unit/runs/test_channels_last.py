"""`trainer.channels_last`: another layout in memory, the same training."""

import pytest
import torch

from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.training import resume, train
from diptych.tracking import read_metrics

SHORT = (
    "budget_images=192",
    "validate_every_images=192",
    "generator=dcgan",
    "discriminator=dcgan",
    "generator.width=8",
    "discriminator.width=8",
)


def _losses(folder) -> list[float]:
    return [row["train/d_loss"] for row in read_metrics(folder.metrics) if "train/d_loss" in row]


def _kernels(folder) -> list[torch.Tensor]:
    weights = read_checkpoint(folder.last)["state_dict"].values()
    return [weight for weight in weights if weight.ndim == 4 and min(weight.shape[1:]) > 1]


def test_convolutions_are_trained_with_channels_innermost_and_learn_the_same(tiny):
    plain, _ = train(tiny("small_gan", *SHORT))
    last, _ = train(tiny("small_gan", *SHORT, "trainer.channels_last=true"))
    assert _kernels(last)
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in _kernels(last))
    assert not any(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in _kernels(plain))
    assert _losses(last) == pytest.approx(_losses(plain), rel=1e-2)


def test_a_run_may_be_resumed_with_another_layout(tiny):
    folder, _ = train(tiny("small_gan", *SHORT))
    resume(folder, ["trainer.channels_last=true", "budget_images=384"])
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in _kernels(folder))
