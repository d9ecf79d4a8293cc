"""How several devices train one model, as Lightning's strategies: alike on all of them, or its weights in shards."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import torch
from pytorch_lightning.strategies import DDPStrategy, FSDPStrategy

from diptych.config import UserError
from diptych.runs.environment import usable_cpus
from diptych.runs.identity import inherited_sweep
from diptych.runs.places import Place, Surroundings

DDP, FSDP = "ddp", "fsdp"
GPU = ("gpu", "cuda")


def settled(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The trainer's settings with the number of devices filled in, refused where this machine cannot have them so."""
    strategy, on_gpu = settings["strategy"], settings["accelerator"] in GPU
    if strategy not in (None, DDP, FSDP):
        raise UserError(f"trainer.strategy={strategy!r}: choose ddp, fsdp or null")
    if strategy == FSDP and not on_gpu:
        raise UserError(
            f"trainer=fsdp: Lightning shards weights over GPUs only, not with trainer.accelerator="
            f"{settings['accelerator']}; use trainer=ddp"
        )
    there = torch.cuda.device_count() if on_gpu else usable_cpus()
    if on_gpu and not there:
        name = strategy or "gpu"
        raise UserError(f"trainer={name}: torch sees no CUDA device here; use trainer=cpu, or ask `diptych doctor`")
    devices = there if settings["devices"] is None else settings["devices"]
    if devices < 1 or (on_gpu and devices > there):
        raise UserError(f"trainer.devices={devices}: there are {there} here; give 1 to {there}, or null for all")
    if strategy is None and devices * settings["num_nodes"] > 1:
        raise UserError(f"trainer.devices={devices}: several devices take trainer=ddp (or trainer.strategy=ddp)")
    if on_gpu and inherited_sweep() and devices != there:
        raise UserError(
            f"trainer.devices={devices}: this run's slot of the sweep has {there} GPUs; leave trainer.devices out, or "
            f"set hydra.launcher.gpus_per_run={devices}"
        )
    return {**settings, "devices": devices}


def check_can_be_sharded(settings: Mapping[str, Any], target: str) -> None:
    """Refuse shards for systems whose networks take turns."""
    if settings["strategy"] == FSDP and not target.endswith(".Captioner"):
        raise UserError(
            f"trainer=fsdp: {target.rpartition('.')[2]} cannot be sharded, only captioners can. Shards are gathered "
            "when the system as a whole is called; networks that take turns, are averaged (EMA) or paint by themselves "
            "would meet them in pieces. Use trainer=ddp"
        )


def several_devices(settings: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """What the Trainer is told of devices."""
    if settings["strategy"] is None:
        return {"devices": 1}
    wait = timedelta(seconds=settings["timeout_seconds"])
    kind = Alike if settings["strategy"] == DDP else FSDPStrategy
    return {
        "devices": settings["devices"],
        "num_nodes": settings["num_nodes"],
        "strategy": kind(timeout=wait, process_group_backend=settings["backend"]),
        "plugins": [Surroundings(place, settings["num_nodes"])],
    }


class Alike(DDPStrategy):
    """The same weights on all devices, and means of gradients.

    Systems of ours average gradients themselves, once for each of their steps (`System.descend`): torch's wrapper
    expects one backward pass for each forward one, and that every weight takes part in it. A system that leaves the
    optimiser to Lightning gets the wrapper. Buffers are never overwritten by those of the first device.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(broadcast_buffers=False, **settings)

    def configure_ddp(self) -> None:
        assert self.lightning_module is not None
        if self.lightning_module.automatic_optimization:
            super().configure_ddp()
