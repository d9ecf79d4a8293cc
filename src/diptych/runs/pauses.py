"""Stops a run that was told to stop, where nothing is lost: between batches, after the validation that is due there."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from diptych.callbacks.rhythm import validation_follows
from diptych.runs.stopping import StopSignals
from diptych.systems.devices import largest


class Pauses(Callback):
    """Last of all callbacks, so that figures and pictures are written; `Checkpoints` then saves on the way out."""

    def __init__(self, signals: StopSignals) -> None:
        self.signals = signals

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *args: Any, **kwargs: Any) -> None:
        if not validation_follows(trainer):
            self._stop_if_told(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop_if_told(pl_module)

    def _stop_if_told(self, pl_module: LightningModule) -> None:
        """All devices at the same pause, whichever of them was told."""
        self.signals.received = largest(self.signals.received or 0, pl_module.device) or None
        self.signals.raise_if_received()
