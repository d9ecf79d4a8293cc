"""Stop a run whose numbers are not finite, with the reason, and never save such a state.

Losses are checked once per interval (one wait for the device); weights, averages and statistics before every
checkpoint.
"""

import math
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.strategies import Strategy
from torch import Tensor
from torch.distributed.tensor import DTensor

from diptych.callbacks.figures import as_numbers
from diptych.callbacks.rhythm import Every

ADVICE = (
    "Try a smaller learning rate (generator_optimizer.lr=…, optimizer.lr=…), another seed, or debug=anomaly, which "
    "names the operation. The last finite state is in checkpoints/last.ckpt."
)


class TrainingDiverged(FloatingPointError):
    """Some numbers are not finite; the message names them, the moment and a fix."""


class Health(Callback):
    """Raises `TrainingDiverged` when a training loss or a weight is infinite or not a number."""

    def __init__(self, *, every_images: int) -> None:
        self._every = Every(every_images, "callbacks.health.every_images")

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self._every.start(pl_module.images_seen)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self._every.due(pl_module.images_seen):
            check_losses(trainer.callback_metrics, pl_module.images_seen)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        check_losses(trainer.callback_metrics, pl_module.images_seen)
        check_weights(pl_module.state_dict(), pl_module.images_seen, trainer.strategy)


def check_losses(figures: dict[str, Tensor], images: int) -> None:
    """Check that every `train/…loss…` is finite."""
    losses = {name: value for name, value in figures.items() if name.startswith("train/") and "loss" in name}
    for name, value in zip(losses, as_numbers(losses.values()), strict=True):
        if not math.isfinite(value):
            raise TrainingDiverged(f"{name} is {value} after {images:,} images. {ADVICE}")


def check_weights(state: dict[str, Any], images: int, strategy: Strategy) -> None:
    """Check that every floating-point tensor of a system's state is finite, with shards on every device."""
    own = {name: t.to_local() if isinstance(t, DTensor) else t for name, t in state.items()}
    tensors = {name: t for name, t in own.items() if isinstance(t, Tensor) and t.is_floating_point()}
    if not tensors:
        return
    bad = torch.stack([(~t.isfinite()).any().float().to(strategy.root_device) for t in tensors.values()])
    everywhere: Any = strategy.reduce(bad, reduce_op="sum")  # otherwise devices with finite shards would continue alone
    broken = [name for name, count in zip(tensors, everywhere.tolist(), strict=True) if count]
    if broken:
        more = f" and {len(broken) - 1} others" if len(broken) > 1 else ""
        raise TrainingDiverged(f"{broken[0]}{more} is infinite or not a number after {images:,} images. {ADVICE}")
