"""What every system shares: progress counted in images, its own randomness, and how it logs.

A system is a LightningModule: an algorithm that trains models. Networks, losses and optimiser constructors are
handed in; a system reads no configuration. Lightning counts one `global_step` per optimiser step, which means
nothing for a GAN, so `images_seen` (real examples drawn, or image-caption pairs) is the only measure of progress:
budgets, schedules, checkpoints, EMA and every tracker's x-axis use it.
"""

from collections.abc import Mapping
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.optim import Optimizer

from diptych.systems.devices import average, average_gradients
from diptych.systems.optimizers import clip, parameters_of
from diptych.types import DataSpec


class System(LightningModule):
    """Base of all systems. `seed` starts `self.rng`, the source of all randomness but dropout's and pixel noise's.

    `self.rng` is alike on all devices: what is drawn from it is drawn for the joint batch. Dropout and pixel noise draw
    from torch's global generator, which each device has for itself. `SHARDED` names networks whose weights may lie in
    shards on several devices, if any.
    """

    SHARDED: tuple[str, ...] = ()

    def __init__(self, *, data_spec: DataSpec, seed: int = 0) -> None:
        super().__init__()
        self.data_spec = data_spec
        self.images_seen = 0
        self.step_figures: dict[str, Tensor] = {}
        self.rng = torch.Generator().manual_seed(seed)

    def count_images(self, number: int) -> None:
        """Advance progress by one training step's examples, over all devices."""
        self.images_seen += number * self.trainer.world_size

    def log_metrics(self, stage: str, values: Mapping[str, Tensor | float]) -> None:
        """Log each value as `stage/name`; validation values are averaged over examples by the caller.

        `step_figures` keeps what the last training step logged; Lightning repeats every name's last value for ever.
        Training values are averaged over devices here.
        """
        if stage == "train":
            values = average(values, self.device)
            self.step_figures = {f"train/{name}": value for name, value in values.items()}
        for name, value in values.items():
            self.log(f"{stage}/{name}", value, on_step=stage == "train", on_epoch=stage != "train")

    def optimize(self, optimizer: Optimizer, loss: Tensor, max_norm: float | None = None) -> Tensor:
        """One step of the optimiser down the mean of all devices' losses; the norm of its gradient.

        Gradients are averaged here and not while they are computed, which works for several networks that take turns.
        """
        optimizer.zero_grad()
        self.manual_backward(loss)
        average_gradients(parameters_of(optimizer))
        norm = clip(optimizer, max_norm)
        optimizer.step()
        return norm

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["images_seen"] = self.images_seen
        checkpoint["system_rng"] = self.rng.get_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.images_seen = checkpoint["images_seen"]
        self.rng.set_state(checkpoint["system_rng"].cpu())
