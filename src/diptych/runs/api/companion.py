"""What goes with a system into a Trainer of somebody's own, in the place of a run's callbacks."""

import logging
import math
from typing import Any

from pytorch_lightning import Callback, Trainer

from diptych.config.errors import UserError

log = logging.getLogger(__name__)


class Companion(Callback):
    """Keeps the position in the training stream of `data`, and says what would go wrong without a word.

    Data of somebody's own that have no endless stream are left alone. The position is the data module's `batches_consumed`: the next epoch begins there, and so does the next Trainer. An
    epoch has `epoch_images`, or less where the Trainer's `max_steps` end earlier: the end of training is validated.
    """

    def __init__(self, data: Any, epoch_images: int) -> None:
        self.data = data
        self.epoch_images = epoch_images
        self._has_warned = False

    def setup(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        _refuse_several_devices(trainer)
        if hasattr(self.data, "epoch_images"):
            self.data.epoch_images = min(self.epoch_images, _images_of(trainer, pl_module, self.data))

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if hasattr(self.data, "batches_consumed"):
            self.data.batches_consumed += 1
        self._warn_of_zero(pl_module)

    def _warn_of_zero(self, system: Any) -> None:
        """Once, where the schedule has come to its end and the Trainer goes on."""
        if self._has_warned or system.schedule is None or system.schedule(system.images_seen) > 0:
            return
        self._has_warned = True
        log.warning(
            "learning rates are 0 from %s images on: the schedule follows budget_images, and the Trainer goes on; "
            "compose with a larger budget_images=…, or let the Trainer end here",
            f"{system.images_seen:,}",
        )


def _images_of(trainer: Trainer, system: Any, data: Any) -> float:
    """How many images the Trainer's `max_steps` take; Lightning counts the steps of all optimisers."""
    if trainer.max_steps < 0:
        return math.inf
    return math.ceil(trainer.max_steps / len(system.OPTIMIZERS)) * data.batch_size


def _refuse_several_devices(trainer: Trainer) -> None:
    if trainer.world_size > 1:
        raise UserError(
            f"pl.Trainer(devices={trainer.world_size}): a Trainer of your own trains on one device; for several, "
            "`diptych train trainer=ddp` joins batches, batch statistics and gradients"
        )
