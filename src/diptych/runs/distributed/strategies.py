"""How several devices train one model, as Lightning's strategies: alike on all of them, or its weights in shards.

Lightning's own FSDPStrategy refuses CPUs, so that nobody could test it here, and cannot go backward within a training
step, as systems do that step their optimisers themselves. torch's `fully_shard` (FSDP2) can do both.
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
from diptych.runs.distributed.topology import Surroundings, Topology
from diptych.runs.folder.environment import usable_cpus
from diptych.runs.folder.identity import SWEEP_VARIABLE
from diptych.systems.devices import take_over

DDP, FSDP = "ddp", "fsdp"
GPU = ("gpu", "cuda")


def settled(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The trainer's settings with the number of devices filled in, refused where this machine cannot have them so."""
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
    """Refuse shards of systems that have named no networks for it."""
    if settings["strategy"] == FSDP and not getattr(system, "SHARDED", ()):
        raise UserError(
            f"trainer=fsdp: {system.__name__} cannot be sharded, captioners can. A network in shards is put together "
            "when it is called and taken apart when its gradient is there; networks that take turns with frozen ones, "
            "or whose weights are averaged (EMA), would meet pieces. Use trainer=ddp"
        )


def several_devices(settings: Mapping[str, Any], topology: Topology) -> dict[str, Any]:
    """What the Trainer is told of devices; without a topology it would take itself for one of SLURM's tasks."""
    surroundings = [Surroundings(topology, settings["num_nodes"])]
    if settings["strategy"] is None:
        return {"devices": 1, "plugins": surroundings}
    wait = timedelta(seconds=settings["timeout_seconds"])
    kind = Alike if settings["strategy"] == DDP else Sharded
    return {
        "devices": settings["devices"],
        "num_nodes": settings["num_nodes"],
        "strategy": kind(timeout=wait, process_group_backend=settings["backend"]),
        "plugins": surroundings,
    }


class Alike(DDPStrategy):
    """The same weights on all devices, which begin with those of the first, and means of gradients.

    Systems of ours average gradients themselves, once for each of their steps (`System.optimize`): torch's wrapper
    expects one backward pass for each forward one, and that every weight takes part in it. A system that leaves the
    optimiser to Lightning gets the wrapper. Buffers are never overwritten by those of the first device.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(broadcast_buffers=False, **settings)

    def configure_ddp(self) -> None:
        assert self.lightning_module is not None
        take_over(self.lightning_module)
        if self.lightning_module.automatic_optimization:
            super().configure_ddp()


class Sharded(Alike):
    """Each device keeps a part of the weights, their gradients and the optimiser's state of some networks.

    The system names them (`SHARDED`). A network is whole from its first call until its gradient is there, or for as
    long as nothing learns, so that validations may decode as they like. Checkpoints hold whole weights and states, and
    go on with any number of devices, sharded or not.
    """

    def configure_ddp(self) -> None:
        assert self.lightning_module is not None
        take_over(self.lightning_module)
        mesh = init_device_mesh(self.root_device.type, (self.world_size,))
        for network in self._networks():
            fully_shard(network, mesh=mesh)

    @contextmanager
    def whole_weights(self) -> Iterator[None]:
        """While entered, which all devices do together, one of them may call the networks by itself."""
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
    """What an optimiser knows of a parameter; what has its shape lies in shards as it does."""
    return {
        name: distribute_tensor(value.to(parameter.device), parameter.device_mesh, parameter.placements)
        if isinstance(value, Tensor) and value.shape == parameter.shape
        else value
        for name, value in values.items()
    }
