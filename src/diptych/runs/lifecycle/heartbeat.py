"""Signs of life: while a run trains, status.json says every few seconds how far it has come."""

import logging
import time
from typing import Any

from pytorch_lightning import Callback, Trainer

from diptych.callbacks import Checkpoints
from diptych.runs.folder.layout import RunFolder

EVERY_SECONDS = 5.0
_log = logging.getLogger(__name__)


class Heartbeat(Callback):
    """Between batches, of training and of validation: a run that hangs falls silent."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._last = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self._beat(trainer, pl_module)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *args: Any, **kwargs: Any) -> None:
        self._beat_if_due(trainer, pl_module)

    def on_validation_batch_end(self, trainer: Trainer, pl_module: Any, *args: Any, **kwargs: Any) -> None:
        self._beat_if_due(trainer, pl_module)

    def _beat_if_due(self, trainer: Trainer, pl_module: Any) -> None:
        if trainer.is_global_zero and time.monotonic() - self._last >= EVERY_SECONDS:
            self._beat(trainer, pl_module)

    def _beat(self, trainer: Trainer, pl_module: Any) -> None:
        best = next((c.best.value for c in trainer.callbacks if isinstance(c, Checkpoints)), None)  # pyright: ignore
        self._last = time.monotonic()
        try:
            self.folder.write_sign_of_life(pl_module.images_seen, best)
        except OSError as error:  # a full disk ends no training; what could not be saved is said where it matters
            _log.debug("no sign of life could be written: %s", error)
