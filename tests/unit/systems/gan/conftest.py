"""A GAN small enough to train in a test, and a way to train it for a few batches."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from letters import SPEC, BagOfWords, make_batch, run_fit, train_once
from pytorch_lightning import Trainer

from diptych.losses.adversarial import NonSaturating
from diptych.models.gan.dcgan import DCGANDiscriminator, DCGANGenerator
from diptych.systems.gan.system import GAN
from diptych.types import Batch

ADAM = partial(torch.optim.Adam, lr=2e-4, betas=(0.5, 0.999))


@pytest.fixture
def batches() -> list[Batch]:
    return [make_batch(seed) for seed in range(4)]


@pytest.fixture
def batch_of() -> Callable[..., Batch]:
    return make_batch


@pytest.fixture
def make_gan() -> Callable[..., GAN]:
    """`make_gan(conditional=False, **settings)`: the same initial weights every time."""

    def make(conditional: bool = True, **settings: Any) -> GAN:
        torch.manual_seed(0)
        text_encoder = BagOfWords() if conditional else None
        sizes = {"image_size": 28, "image_channels": 1, "width": 4, "condition_dim": 6 if conditional else 0}
        parts = {
            "data_spec": SPEC,
            "generator": DCGANGenerator(**sizes, latent_dim=10),
            "discriminator": DCGANDiscriminator(**sizes),
            "objective": NonSaturating(),
            "generator_optimizer": ADAM,
            "discriminator_optimizer": ADAM,
            "text_encoder": text_encoder,
        }
        return GAN(**(parts | settings))

    return make


@pytest.fixture
def train() -> Callable[..., list[dict[str, float]]]:
    """`train(gan, batches)`: one epoch; what was logged after each batch."""

    return train_once


@pytest.fixture
def fit() -> Callable[..., Trainer]:
    return run_fit
