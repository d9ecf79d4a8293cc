"""Ends a run that was told to stop or to be pruned, where nothing is lost: between batches, after validations."""

import time
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from diptych.callbacks.rhythm import validation_follows
from diptych.runs.folder.layout import RunFolder
from diptych.runs.lifecycle.signals import Pruned, StopSignals
from diptych.systems.devices import largest

LOOK_EVERY_SECONDS = 0.5
GIVEN_UP = 1000
"""Stands among the numbers of signals for a run that is to be pruned; no signal's number is so high."""


class StopCallback(Callback):
    """Last of all callbacks, so that figures and pictures are written; `Checkpoints` then saves on the way out.

    A run that is at its end anyway is let go to it: nothing would be left to go on with.
    """

    def __init__(self, signals: StopSignals, folder: RunFolder) -> None:
        self.signals, self.folder = signals, folder
        self._looked = 0.0

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *args: Any, **kwargs: Any) -> None:
        if not trainer.should_stop and not validation_follows(trainer):
            self._pause(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.should_stop:
            self._pause(pl_module)

    def _pause(self, pl_module: LightningModule) -> None:
        """All devices at the same pause, whichever of them was told."""
        told = largest(self.signals.received or self._given_up(), pl_module.device)
        if told == GIVEN_UP:
            self.signals.unheeded = "saving what a search has given up"
            raise Pruned(self.folder.prune.read_text(encoding="utf-8"))
        if told:
            self.signals.received, self.signals.unheeded = told, "saving, then stopping already"
            self.signals.raise_if_received()  # one that came while the others were asked waits for the next pause

    def _given_up(self) -> int:
        if time.monotonic() - self._looked < LOOK_EVERY_SECONDS:
            return 0
        self._looked = time.monotonic()
        return GIVEN_UP if self.folder.prune.exists() else 0
