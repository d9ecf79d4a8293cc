"""Log figures to the trackers: training figures at intervals, validation figures at every validation."""

import time
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor

from diptych.callbacks.core_time import CoreTime
from diptych.callbacks.figures import numbers
from diptych.callbacks.rhythm import Every, Pace, Stopwatch, is_fitting

CORE_SECONDS = "train/core_seconds"


class MetricsLog(Callback):
    """A row holds each training figure's last value since the previous row; a resumed run logs the same rows.

    Core-seconds go on from the checkpoint: what a killed run did after it is done again, and counts once.
    """

    def __init__(self, *, trackers: Any, budget_images: int, every_images: int) -> None:
        self.trackers = trackers
        self.budget_images = budget_images
        self._every = Every(every_images, "callbacks.metrics_log.every_images")
        self._figures: dict[str, Tensor] = {}
        self._training = Stopwatch()
        self._core_time = CoreTime()
        self._pace = Pace(0, 0.0)

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self._every.start(pl_module.images_seen)
        self._training.start(pl_module.images_seen)
        self._core_time.resume()
        self._pace = Pace(pl_module.images_seen, time.monotonic())

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._figures |= pl_module.step_figures
        if self._every.due(pl_module.images_seen) or trainer.should_stop:
            figures = numbers(self._figures, "train/")
            self._figures = {}
            self.trackers.log(figures | self._speed(pl_module.images_seen), pl_module.images_seen)

    def on_validation_start(self, trainer: Trainer, pl_module: Any) -> None:
        self._training.pause()
        self._core_time.pause()

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        self._training.resume()
        self._core_time.resume()
        figures = numbers(trainer.callback_metrics, "val/")
        if figures and is_fitting(trainer):
            self.trackers.log(figures, pl_module.images_seen)

    def state_dict(self) -> dict[str, Any]:
        return numbers(self._figures) | {CORE_SECONDS: self._core_time.read()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._core_time.seconds = state_dict.get(CORE_SECONDS, 0.0)
        figures = {name: value for name, value in state_dict.items() if name != CORE_SECONDS}
        self._figures = {name: torch.tensor(value) for name, value in figures.items()}

    def _speed(self, images_seen: int) -> dict[str, float]:
        rate = self._pace.update(images_seen, time.monotonic())
        return {
            "train/images_per_second": self._training.lap(images_seen),
            CORE_SECONDS: self._core_time.read(),
            "train/seconds_left": max(0, self.budget_images - images_seen) / rate,
        }
