"""A run ends after a number of images, not of optimiser steps (Lightning counts one step per optimiser).

A system whose generator does not learn from the first image on has `warmup_images`: so many come before.
"""

import logging
from typing import Any

from pytorch_lightning import Callback, Trainer

_log = logging.getLogger(__name__)


class Budget(Callback):
    """Stops at the first batch with which the system has seen `budget_images`."""

    def __init__(self, *, budget_images: int) -> None:
        if budget_images <= 0:
            raise ValueError(f"budget_images={budget_images}: give a positive number of images")
        self.budget_images = budget_images

    def on_fit_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Warn of an end before the beginning; no refusal, because trials (`debug=one_step`) want just that."""
        warmup = getattr(pl_module, "warmup_images", 0)
        if self.budget_images <= warmup:
            _log.warning(
                "budget_images=%s: the generator will learn nothing, since it begins after %s images; raise the "
                "budget, or lower text_pretraining.pretraining_images",
                f"{self.budget_images:,}",
                f"{warmup:,}",
            )

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if pl_module.images_seen >= self.budget_images:
            trainer.should_stop = True
