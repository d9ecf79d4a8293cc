"""What goes with a system into a Trainer of somebody's own, in the place of a run's callbacks."""

import logging
import math
from typing import Any

from pytorch_lightning import Callback, Trainer

from diptych.config.errors import UserError
from diptych.runs.trainer import repeat_first_batch
from diptych.systems.schedules import Schedule

log = logging.getLogger(__name__)


class Companion(Callback):
    """Keeps the position in the training stream of `data`, and says what would go wrong without a word.

    The position is `batches_consumed`: the next epoch begins there, and so does the next Trainer. An epoch has
    `epoch_images`, or less where the Trainer's `max_steps` end earlier, so that the end of training is validated. Data
    of somebody's own that have no endless stream are left alone. It counts a batch before any other callback saves.
    """

    def __init__(self, data: Any, epoch_images: int) -> None:
        self.data = data
        self.epoch_images = epoch_images
        self._has_warned = False

    def setup(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        _refuse_several_devices(trainer)
        trainer.callbacks.remove(self)  # pyright: ignore[reportAttributeAccessIssue]
        trainer.callbacks.insert(0, self)  # pyright: ignore[reportAttributeAccessIssue]
        if batches := getattr(trainer, "overfit_batches", 0):
            _overfit(batches, self.data)
        if hasattr(self.data, "epoch_images"):
            self.data.epoch_images = min(self.epoch_images, _images_of(trainer, pl_module, self.data))

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Warn once, where the schedule has come to its end and the Trainer goes on."""
        if self._has_warned or not _is_over(pl_module.schedule, pl_module.images_seen):
            return
        self._has_warned = True
        log.warning(
            "learning rates are 0 from %s images on: the schedule follows budget_images, and the Trainer goes on; "
            "compose with a larger budget_images=…, or let the Trainer end here",
            f"{pl_module.images_seen:,}",
        )

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if hasattr(self.data, "batches_consumed"):
            self.data.batches_consumed += 1


def _images_of(trainer: Trainer, system: Any, data: Any) -> float:
    """How many images the Trainer's `max_steps` take; Lightning counts the steps of all optimisers."""
    if trainer.max_steps < 0:
        return math.inf
    return math.ceil(trainer.max_steps / system.steps_per_batch) * data.batch_size


def _overfit(batches: float, data: Any) -> None:
    """The first batch for ever: without this, the stream would go on from epoch to epoch."""
    if not isinstance(batches, int) or batches != 1:
        raise UserError(f"pl.Trainer(overfit_batches={batches}): give overfit_batches=1, the first batch for ever")
    repeat_first_batch(data)


def _is_over(schedule: Schedule | None, images_seen: int) -> bool:
    return schedule is not None and images_seen > 0 and schedule(images_seen) == 0


def _refuse_several_devices(trainer: Trainer) -> None:
    if trainer.world_size > 1:
        raise UserError(
            f"pl.Trainer(devices={trainer.world_size}): a Trainer of your own trains on one device; for several, "
            "`diptych train trainer=ddp` joins batches, batch statistics and gradients"
        )
