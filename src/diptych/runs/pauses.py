"""Stops a run that was told to stop, where nothing is lost: between batches, after the validation that is due there."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from diptych.callbacks.rhythm import validation_follows
from diptych.runs.stopping import StopSignals


class Pauses(Callback):
    """Last of all callbacks, so that figures and pictures are written; `Checkpoints` then saves on the way out.

    A run that is at its end anyway is let go to it: nothing would be left to go on with.
    """

    def __init__(self, signals: StopSignals) -> None:
        self.signals = signals

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *args: Any, **kwargs: Any) -> None:
        if not trainer.should_stop and not validation_follows(trainer):
            self.signals.raise_if_received()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.should_stop:
            self.signals.raise_if_received()
