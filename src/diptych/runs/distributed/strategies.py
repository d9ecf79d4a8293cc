"""Train one model on several devices, as Lightning strategies: replicated (DDP) or with sharded weights (FSDP).

Lightning's own FSDPStrategy refuses CPUs, so our tests could not cover it, and it does not support `backward` within a
training step, which systems with manual optimisation need. torch's `fully_shard` (FSDP2) supports both.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer
from torch.utils._pytree import tree_map

from diptych.config import UserError
from diptych.runs.distributed.topology import RankEnvironment, Topology
from diptych.runs.folder.environment import usable_cpus
from diptych.runs.folder.identity import SWEEP_VARIABLE
from diptych.systems.devices import take_over

DDP, FSDP = "ddp", "fsdp"
GPU = ("gpu", "cuda")


def resolve_devices(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The trainer's settings with the number of devices filled in; refuse what this machine does not have."""
    strategy, on_gpu = settings["strategy"], settings["accelerator"] in GPU
    if strategy not in (None, DDP, FSDP):
        raise UserError(f"trainer.strategy={strategy!r}: choose ddp, fsdp or null")
    there = torch.cuda.device_count() if on_gpu else usable_cpus()
    if on_gpu and not there:
        name, instead = (strategy, "trainer.accelerator=cpu") if strategy else ("gpu", "trainer=cpu")
        raise UserError(f"trainer={name}: torch sees no CUDA device here; use {instead}, or ask `diptych doctor`")
    devices = there if settings["devices"] is None else settings["devices"]
    if devices < 1 or (on_gpu and devices > there):
        raise UserError(
            f"trainer.devices={devices}: there are {there} here; give 1 to {there}, or null for all of them"
        )
    if strategy is None and devices * settings["num_nodes"] > 1:
        raise UserError(f"trainer.devices={devices}: several devices take trainer=ddp (or trainer.strategy=ddp)")
    if on_gpu and os.environ.get(SWEEP_VARIABLE) and devices != there:
        raise UserError(
            f"trainer.devices={devices}: this run's slot of the sweep has {there} GPUs; leave trainer.devices out, or "
            f"set hydra.launcher.gpus_per_run={devices} (of SLURM gpus_per_node)"
        )
    return {**settings, "devices": devices}


def check_can_be_sharded(settings: Mapping[str, Any], system: Any) -> None:
    """Refuse to shard a system that names no networks for it."""
    if settings["strategy"] == FSDP and not getattr(system, "SHARDED", ()):
        raise UserError(
            f"trainer=fsdp: {system.__name__} cannot be sharded, captioners can. FSDP gathers a network's weights when "
            "it is called and shards them again after its gradient; networks that alternate with frozen ones, or whose "
            "weights are averaged (EMA), would see shards. Use trainer=ddp"
        )


def device_arguments(settings: Mapping[str, Any], topology: Topology) -> dict[str, Any]:
    """The Trainer's arguments for devices; without a topology it would take itself for a SLURM task."""
    environments = [RankEnvironment(topology, settings["num_nodes"])]
    if settings["strategy"] is None:
        return {"devices": 1, "plugins": environments}
    wait = timedelta(seconds=settings["timeout_seconds"])
    kind = Replicated if settings["strategy"] == DDP else Sharded
    return {
        "devices": settings["devices"],
        "num_nodes": settings["num_nodes"],
        "strategy": kind(timeout=wait, process_group_backend=settings["backend"]),
        "plugins": environments,
    }


class Replicated(DDPStrategy):
    """The same weights on all devices, starting from those of the first; gradients are averaged.

    Our systems average gradients themselves, once per optimiser step (`System.optimize`), since torch's wrapper expects
    one backward pass per forward pass in which every weight takes part. A system with automatic optimisation gets the
    wrapper. The first device's buffers never overwrite those of the others.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(broadcast_buffers=False, **settings)

    def configure_ddp(self) -> None:
        assert self.lightning_module is not None
        take_over(self.lightning_module)
        if self.lightning_module.automatic_optimization:
            super().configure_ddp()


class Sharded(Replicated):
    """Each device holds a shard of the weights, gradients and optimiser state of some networks.

    The system names these networks (`SHARDED`). A network's weights are whole from its first call until its gradient
    exists, and during validation, which may decode freely. Checkpoints hold whole weights and states, and a run can
    resume on any number of devices, sharded or not.
    """

    def configure_ddp(self) -> None:
        assert self.lightning_module is not None
        take_over(self.lightning_module)
        mesh = init_device_mesh(self.root_device.type, (self.world_size,))
        for network in self._networks():
            fully_shard(network, mesh=mesh)

    @contextmanager
    def whole_weights(self) -> Iterator[None]:
        """While entered (all devices enter together), one device may call the networks alone."""
        networks = [network for network in self._networks() if isinstance(network, FSDPModule)]
        for network in networks:
            network.unshard()
        try:
            yield
        finally:
            for network in networks:
                network.reshard()

    def lightning_module_state_dict(self) -> dict[str, Any]:
        return tree_map(_whole, super().lightning_module_state_dict())

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        return tree_map(_whole, super().optimizer_state(optimizer))

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            shards = {number: _in_shards(values, parameters[number]) for number, values in state["state"].items()}
            optimizer.load_state_dict({**state, "state": shards})

    def _networks(self) -> list[nn.Module]:
        assert self.lightning_module is not None
        names: Any = self.lightning_module.SHARDED
        return [getattr(self.lightning_module, name) for name in names]


def _whole(value: Any) -> Any:
    return value.full_tensor() if isinstance(value, DTensor) else value


def _in_shards(values: Mapping[str, Any], parameter: Any) -> dict[str, Any]:
    """An optimiser's state of one parameter; tensors of the parameter's shape are sharded like it."""
    return {
        name: distribute_tensor(value.to(parameter.device), parameter.device_mesh, parameter.placements)
        if isinstance(value, Tensor) and value.shape == parameter.shape
        else value
        for name, value in values.items()
    }
