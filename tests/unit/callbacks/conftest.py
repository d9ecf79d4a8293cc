"""A system with two optimisers and known figures under the real Trainer, to check counts and order."""

from itertools import repeat

import pytest
import torch
from pytorch_lightning import Trainer
from torch import nn

from diptych.runs.trainer import quiet
from diptych.systems.base import System
from diptych.types import DataSpec

BATCH = 8


class Toy(System):
    """After n images the discriminator's loss is 1/n, and validation's truth is `truth(n)`. Two optimisers step."""

    def __init__(self, truth=lambda images: images / 1000, loss=lambda images: 1 / images):
        super().__init__(data_spec=DataSpec("toy", 4, 3, ("a",), 4))
        self.automatic_optimization = False
        self.weights = nn.ParameterList([nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))])
        self.truth, self.loss = truth, loss
        self.rows = []

    def configure_optimizers(self):
        return [torch.optim.Adam([weight], lr=0.1) for weight in self.weights]

    def training_step(self, batch, batch_idx):
        for optimizer, weight in zip(self.optimizers(), self.weights, strict=True):
            optimizer.zero_grad()
            self.manual_backward((weight * torch.randn(3, generator=self.rng)).sum())
            optimizer.step()
        self.count_images(BATCH)
        self.log_metrics("train", {"d_loss": self.loss(self.images_seen), "d_real": self.weights[0].mean().detach()})

    def validation_step(self, batch, batch_idx):
        self.log_metrics("val", {"truth": torch.tensor(float(self.truth(self.images_seen)))})

    def train_dataloader(self):
        return repeat(torch.zeros(BATCH))

    def val_dataloader(self):
        return [torch.zeros(BATCH)]


class Heard:
    """A tracker that records its calls."""

    def __init__(self):
        self.rows, self.pictures, self.tables = [], [], []

    def log(self, metrics, images):
        self.rows.append((images, dict(metrics)))

    def flush(self):
        return None

    def image(self, name, picture, images, caption=""):
        self.pictures.append((name, picture, images))

    def table(self, name, columns, rows, images):
        self.tables.append((name, columns, rows, images))


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def toy():
    return Toy


@pytest.fixture
def fit(tmp_path):
    """`fit(system, callbacks, validate_every_batches, resume=None)` under a Trainer like that of runs."""

    def run(system, callbacks, validate_every_batches=10**6, resume=None):
        trainer = Trainer(
            accelerator="cpu",
            callbacks=callbacks,
            logger=False,
            enable_progress_bar=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            max_epochs=-1,
            val_check_interval=validate_every_batches,
            check_val_every_n_epoch=None,
            default_root_dir=tmp_path,
        )
        with quiet():
            trainer.fit(system, ckpt_path=resume, weights_only=True)
        return trainer

    return run
