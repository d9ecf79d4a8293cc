"""End a run after a number of images, not of optimiser steps (Lightning counts one step per optimiser)."""

import logging
from typing import Any

from pytorch_lightning import Callback, Trainer

from diptych.callbacks.schedule_fit import check_something_is_learned, misfit

_log = logging.getLogger(__name__)


class Budget(Callback):
    """Stops at the first batch with which the system has seen `budget_images`."""

    def __init__(self, *, budget_images: int) -> None:
        if budget_images <= 0:
            raise ValueError(f"budget_images={budget_images}: give a positive number of images")
        self.budget_images = budget_images

    def on_fit_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Warn of a budget without generator training, of warm-ups beyond it, and of learning rates that are not meant.

        Trials such as `debug=one_step` need such budgets, so only a run that would learn nothing at all is refused.
        """
        schedule = getattr(pl_module, "schedule", None)
        if pl_module.images_seen == 0:
            check_something_is_learned(schedule, self.budget_images)
        if misfits := misfit(schedule, pl_module.images_seen, self.budget_images):
            _log.warning("%s", misfits)
        for key, images in pl_module.warmups.items():
            if images > self.budget_images:
                _log.warning(
                    "%s=%s: budget_images=%s ends before, and what grows until then never becomes what is configured: "
                    "reduce %s, or increase budget_images",
                    key,
                    f"{images:,}",
                    f"{self.budget_images:,}",
                    key,
                )
        warmup = pl_module.warmup_images
        if self.budget_images <= warmup:
            _log.warning(
                "budget_images=%s: the budget ends during text pretraining (%s images): increase budget_images, or "
                "reduce text_pretraining.pretraining_images",
                f"{self.budget_images:,}",
                f"{warmup:,}",
            )

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if pl_module.images_seen >= self.budget_images:
            trainer.should_stop = True
