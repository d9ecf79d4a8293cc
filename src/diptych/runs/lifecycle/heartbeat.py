"""The heartbeat: while a run trains, it writes its progress to status.json every few seconds."""

import logging
import time
from typing import Any

from pytorch_lightning import Callback, Trainer

from diptych.callbacks import Checkpoints
from diptych.runs.folder.layout import RunFolder

EVERY_SECONDS = 5.0
_log = logging.getLogger(__name__)


class Heartbeat(Callback):
    """Beats between batches of training and validation, so a run that hangs stops beating."""

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
        except OSError as error:  # a full disk does not end training here; a failed checkpoint reports it
            _log.debug("the heartbeat could not be written: %s", error)
