"""A denoiser small enough to train in a test."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from letters import SPEC, BagOfWords, make_batch

from diptych.diffusion.predictions import Image, Velocity
from diptych.diffusion.processes import RectifiedFlow
from diptych.diffusion.times import LogitNormal
from diptych.models.denoisers.unet import UNet
from diptych.systems.diffusion.system import Diffusion
from diptych.types import Batch

ADAM = partial(torch.optim.Adam, lr=1e-3)


@pytest.fixture
def batches() -> list[Batch]:
    return [make_batch(seed) for seed in range(4)]


@pytest.fixture
def make_flow() -> Callable[..., Diffusion]:
    """`make_flow(conditional=False, **settings)`: the same initial weights every time."""

    def make(conditional: bool = True, **settings: Any) -> Diffusion:
        torch.manual_seed(0)
        text_encoder = BagOfWords() if conditional else None
        sizes = {"sample_size": 28, "sample_channels": 1, "condition_dim": 6 if conditional else 0}
        small = {"widths": [8, 16], "attention_levels": 1, "embedding_dim": 16, "head_dim": 8}
        parts = {
            "data_spec": SPEC,
            "denoiser": UNet(**sizes, word_dim=6 if conditional else 0, **small),
            "process": RectifiedFlow(),
            "prediction": Image(),
            "loss_prediction": Velocity(),
            "times": LogitNormal(),
            "optimizer": ADAM,
            "text_encoder": text_encoder,
            "validation_steps": 2,
        }
        return Diffusion(**(parts | settings))

    return make


@pytest.fixture
def make_lively(make_flow) -> Callable[..., Diffusion]:
    """As `make_flow`, but its images differ: a new network would say zero of everything."""

    def make(**settings: Any) -> Diffusion:
        flow = make_flow(**settings)
        for name, parameter in flow.denoiser.named_parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(len(name)))
        flow.image_std.fill_(0.6)
        flow.keep_averages()
        return flow

    return make
