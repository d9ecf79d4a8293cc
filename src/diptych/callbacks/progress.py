"""Show a run's progress: a bar on a terminal, plain lines elsewhere, nothing with `quiet`."""

import time
from typing import Any

from pytorch_lightning import Callback, Trainer
from rich.console import Console
from torch import Tensor

from diptych.callbacks.figures import numbers
from diptych.callbacks.progress_views import Bar, Lines, ProgressState, View
from diptych.callbacks.rhythm import Pace, is_fitting

REFRESH_SECONDS = 0.25
FIGURES_SECONDS = 1.0
MOST_LOSSES = 3


class Progress(Callback):
    """Shows images, speed, remaining time, a few losses and the monitored figure."""

    def __init__(
        self, *, budget_images: int, monitor: str | None = None, quiet: bool = False, heartbeat_seconds: float = 30
    ) -> None:
        self.budget_images = budget_images
        self.monitor = monitor
        self.quiet = quiet
        self.heartbeat_seconds = heartbeat_seconds
        self._view = View()
        self._pace = Pace(0, 0.0)
        self._shown = self._figures_read = 0.0
        self._figures = ""
        self._losses: dict[str, Tensor] = {}
        self._new_losses: dict[str, Tensor] = {}

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        console = Console(stderr=True)
        if self.quiet or not trainer.is_global_zero:
            self._view = View()
        elif console.is_terminal:
            self._view = Bar(console)
        else:
            self._view = Lines(self.heartbeat_seconds)
        self._pace = Pace(pl_module.images_seen, time.monotonic())
        self._view.start(self._state(trainer, pl_module.images_seen))

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._new_losses |= {name: value for name, value in pl_module.step_figures.items() if "loss" in name}
        if time.monotonic() - self._shown >= REFRESH_SECONDS or trainer.should_stop:
            self._show(trainer, pl_module.images_seen)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        if is_fitting(trainer) and time.monotonic() - self._shown >= REFRESH_SECONDS:
            total = sum(trainer.num_val_batches)
            self._show(trainer, pl_module.images_seen, f"validating {batch_idx + 1}/{total:.0f}")

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        if is_fitting(trainer):
            self._figures_read = 0.0
            self._show(trainer, pl_module.images_seen)

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        self._view.close()

    def on_exception(self, trainer: Trainer, pl_module: Any, exception: BaseException) -> None:
        self._view.close()

    def _show(self, trainer: Trainer, images: int, stage: str = "") -> None:
        self._shown = time.monotonic()
        self._view.show(self._state(trainer, images, stage))

    def _state(self, trainer: Trainer, images: int, stage: str = "") -> ProgressState:
        now = time.monotonic()
        if now - self._figures_read >= FIGURES_SECONDS or trainer.should_stop:
            self._figures, self._figures_read = self._read_figures(trainer), now
        rate = self._pace.update(images, now)
        seconds_left = max(0, self.budget_images - images) / rate if rate else None
        return ProgressState(images, self.budget_images, rate, seconds_left, stage or self._figures)

    def _read_figures(self, trainer: Trainer) -> str:
        """Losses of the steps since the last reading; losses of an earlier training phase are left out."""
        if self._new_losses:
            self._losses, self._new_losses = self._new_losses, {}
        figures = dict(list(self._losses.items())[:MOST_LOSSES])
        if self.monitor in trainer.callback_metrics:
            figures[self.monitor] = trainer.callback_metrics[self.monitor]
        return "  ".join(f"{name.removeprefix('train/')} {value:.4g}" for name, value in numbers(figures).items())
