"""A run ends after a number of images, not of optimiser steps (Lightning counts one step per optimiser)."""

from typing import Any

from pytorch_lightning import Callback, Trainer


class Budget(Callback):
    """Stops at the first batch with which the system has seen `budget_images`."""

    def __init__(self, *, budget_images: int) -> None:
        if budget_images <= 0:
            raise ValueError(f"budget_images={budget_images}: give a positive number of images")
        self.budget_images = budget_images

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if pl_module.images_seen >= self.budget_images:
            trainer.should_stop = True
