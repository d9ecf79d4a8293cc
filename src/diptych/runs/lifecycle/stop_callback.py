"""Stop a run on a signal or a prune request, where nothing is lost: between batches and after validations."""

import time
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from diptych.callbacks.rhythm import validation_follows
from diptych.runs.folder.layout import RunFolder
from diptych.runs.lifecycle.signals import Pruned, StopSignals
from diptych.systems.devices import largest

LOOK_EVERY_SECONDS = 0.5
PRUNE = 1000
"""Takes the place of a signal's number for a run to prune; no signal has such a high number."""


class StopCallback(Callback):
    """Runs after all other callbacks, so that figures and pictures are written; `Checkpoints` then saves at exit.

    It does not stop a run that is at its end anyway: nothing would be left to resume.
    """

    def __init__(self, signals: StopSignals, folder: RunFolder) -> None:
        self.signals, self.folder = signals, folder
        self._looked = 0.0

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *args: Any, **kwargs: Any) -> None:
        if not trainer.should_stop and not validation_follows(trainer):
            self._stop_if_requested(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.should_stop:
            self._stop_if_requested(pl_module)

    def _stop_if_requested(self, pl_module: LightningModule) -> None:
        """Stop all devices between the same batches, whichever of them received the signal."""
        request = largest(self.signals.received or self._prune_request(), pl_module.device)
        if request == PRUNE:
            self.signals.ignored_because = "saving a pruned run"
            raise Pruned(self.folder.prune.read_text(encoding="utf-8"))
        if request:
            self.signals.received, self.signals.ignored_because = request, "saving, then stopping already"
            self.signals.raise_if_received()  # a signal that came during the exchange waits for the next batch

    def _prune_request(self) -> int:
        if time.monotonic() - self._looked < LOOK_EVERY_SECONDS:
            return 0
        self._looked = time.monotonic()
        return PRUNE if self.folder.prune.exists() else 0
