"""Ends a run that was told to stop or to be pruned, where nothing is lost: between batches, after validations."""

import time
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from diptych.callbacks.rhythm import validation_follows
from diptych.runs.folder import RunFolder
from diptych.runs.stopping import Pruned, StopSignals

LOOK_EVERY_SECONDS = 0.5


class Pauses(Callback):
    """Last of all callbacks, so that figures and pictures are written; `Checkpoints` then saves on the way out."""

    def __init__(self, signals: StopSignals, folder: RunFolder) -> None:
        self.signals, self.folder = signals, folder
        self._looked = 0.0

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *args: Any, **kwargs: Any) -> None:
        if not validation_follows(trainer):
            self._pause()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._pause()

    def _pause(self) -> None:
        self.signals.raise_if_received()
        if time.monotonic() - self._looked >= LOOK_EVERY_SECONDS:
            self._looked = time.monotonic()
            self._raise_if_given_up()

    def _raise_if_given_up(self) -> None:
        if self.folder.prune.exists():
            raise Pruned(self.folder.prune.read_text(encoding="utf-8"))
