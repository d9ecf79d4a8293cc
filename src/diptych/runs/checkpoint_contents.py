"""Fill every checkpoint beyond weights and optimisers, and schedule validation.

Checkpoints are written between two training steps, after the validation that is due there. They contain the resolved
configuration, the data's facts and vocabulary, the position in the training stream and the global random states of
every device, which are restored just before the first resumed step. `ended` means that no step follows.
"""

import logging
from collections.abc import Mapping
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from diptych.callbacks.figures import numbers
from diptych.config import Config
from diptych.config.rhythm import batches_between_validations
from diptych.runs.lifecycle.signals import StopSignals
from diptych.runs.randomness import random_states, restore_random_states
from diptych.runs.restore import restorable
from diptych.systems.devices import gather_objects, num_devices, own_rank
from diptych.types import DataSpec

log = logging.getLogger(__name__)


class CheckpointContents(Callback):
    """Runs before all other callbacks, so that they find counts and random states up to date."""

    def __init__(
        self, config: Config, spec: DataSpec, run_id: str, signals: StopSignals, parts: Mapping[str, Any]
    ) -> None:
        self.config = dict(config)
        self.spec = spec
        self.run_id = run_id
        self.signals = signals
        self.parts = dict(parts)
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
        every_images, budget_images = self.config["validate_every_images"], self.config["budget_images"]
        trainer.val_check_batch = batches_between_validations(every_images, budget_images, images_per_batch)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Figures must be equal on all devices, or devices would keep different checkpoints and stop at other times."""
        figures = gather_objects(numbers(trainer.callback_metrics, "val/"))
        for name, value in figures[0].items():
            if any(repr(value) != repr(other.get(name)) for other in figures):
                raise ValueError(f"{name} differs between devices: log it with log_metrics, or with sync_dist=True")

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["run_id"] = self.run_id
        checkpoint.update(restorable(self.config, self.spec, self.parts))
        checkpoint["batches"] = self.batches
        checkpoint["random_states"] = gather_objects(random_states())
        checkpoint["ended"] = trainer.should_stop

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self.batches = checkpoint["batches"]
        states = checkpoint["random_states"]
        if len(states) == num_devices():
            self._states = states[own_rank()]
        else:
            log.warning("saved on %d devices, resumed on %d: dropout and noise differ", len(states), num_devices())
