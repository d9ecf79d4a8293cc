"""The spine's own callback: what every checkpoint carries beside weights and optimisers, and where validation falls.

Checkpoints are written between two training steps, after the validation that is due there. What has happened by
then is in them: the resolved configuration, the data's facts and vocabulary, the position in the training stream,
and the global random states, which are put back just before the first resumed step. `ended` says that no step follows.
"""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from diptych.runs.build import Config
from diptych.runs.randomness import random_states, restore_random_states
from diptych.runs.stopping import StopSignals
from diptych.types import DataSpec


class Recorder(Callback):
    """First of all callbacks, so that the others find counts and random states in order."""

    def __init__(self, config: Config, spec: DataSpec, run_id: str, signals: StopSignals) -> None:
        self.config = dict(config)
        self.spec = spec
        self.run_id = run_id
        self.signals = signals
        self.batches = 0
        self._states: dict[str, Any] | None = None
        self._images_before = 0

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.signals.install()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.signals.install()

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self._images_before = pl_module.images_seen
        if self._states is not None:
            restore_random_states(self._states)
            self._states = None

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.batches += 1
        trainer.datamodule.batches_consumed = self.batches  # pyright: ignore[reportAttributeAccessIssue]
        images_per_batch = pl_module.images_seen - self._images_before
        trainer.val_check_batch = max(1, round(self.config["validate_every_images"] / max(1, images_per_batch)))

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["run_id"] = self.run_id
        checkpoint["config"] = self.config
        checkpoint["data_spec"] = self.spec.to_dict()
        checkpoint["batches"] = self.batches
        checkpoint["random_states"] = random_states()
        checkpoint["ended"] = trainer.should_stop

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self.batches = checkpoint["batches"]
        self._states = checkpoint["random_states"]
