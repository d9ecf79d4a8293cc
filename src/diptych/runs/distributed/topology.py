"""The topology of a run on several devices: each process's rank, and how the processes find each other."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from torch.distributed import TCPStore  # pyright: ignore[reportPrivateImportUsage]

from diptych.config import UserError

RANKS_OF = {
    "torchrun": ("RANK", "LOCAL_RANK", "WORLD_SIZE"),
    "srun": ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_STEP_NUM_TASKS"),
}
"""The launchers of all processes of a run, and their variables for rank, local rank and world size.

`SLURM_NTASKS` does not count: it is also set in a batch script of sbatch, which is a single process. The variables of a
step come from srun.
"""
FIRST_PORT, NUM_PORTS = 15_000, 10_000
"""Processes that srun started compute the same port from the job's number."""


@dataclass(frozen=True)
class Topology:
    """One of `world_size` processes; `rank` 0 writes the run's folder and waits for the others at `address:port`.

    `local_rank` counts the processes of one machine and selects the device. `port` 0 means not chosen yet.
    `is_inherited`: torchrun or srun has started all processes.
    """

    rank: int = 0
    local_rank: int = 0
    world_size: int = 1
    address: str = "127.0.0.1"
    port: int = 0
    is_inherited: bool = False

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def others(self) -> Iterator["Topology"]:
        """The topologies of the processes that the first one starts on its machine."""
        return (replace(self, rank=rank, local_rank=rank) for rank in range(1, self.world_size))


def is_later_rank() -> bool:
    """Whether torchrun or srun started this process with a rank above 0."""
    return any(os.environ.get(rank, "") not in ("", "0") for rank, _, _ in RANKS_OF.values())


def inherited_topology(settings: Mapping[str, Any]) -> Topology | None:
    """The topology that torchrun or srun gave this process; None if it starts the others itself."""
    wanted = settings["devices"] * settings["num_nodes"]
    for starter, names in RANKS_OF.items():
        if settings["strategy"] is None or int(os.environ.get(names[2], 1)) == 1 or names[0] not in os.environ:
            continue
        rank, local_rank, world_size = (int(os.environ[name]) for name in names)
        if world_size != wanted:
            raise UserError(
                f"{starter} has started {world_size} processes, and trainer.devices={settings['devices']} times "
                f"trainer.num_nodes={settings['num_nodes']} is {wanted}: make them equal"
            )
        return Topology(rank, local_rank, world_size, *_address(starter), is_inherited=True)
    if settings["num_nodes"] > 1:
        raise UserError(
            f"trainer.num_nodes={settings['num_nodes']}: several machines are started by torchrun or srun, on each of "
            "them; docs/devices.md has the commands"
        )
    return None


def store_of(topology: Topology, settings: Mapping[str, Any]) -> TCPStore:
    """The store where all processes meet; the first process chooses a free port if none is given."""
    is_host = topology.is_first and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    wait = timedelta(seconds=settings["timeout_seconds"])
    return TCPStore(topology.address, topology.port, topology.world_size, is_host, timeout=wait, wait_for_workers=False)


@contextmanager
def process_group(topology: Topology, store: TCPStore, settings: Mapping[str, Any]) -> Iterator[None]:
    """While entered, this process is in one process group with all others."""
    device = torch.device("cpu")
    if settings["accelerator"] != "cpu":
        device = torch.device("cuda", topology.local_rank)
        torch.cuda.set_device(device)
    dist.init_process_group(
        settings["backend"] or ("gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl"),
        store=store,
        rank=topology.rank,
        world_size=topology.world_size,
        timeout=timedelta(seconds=settings["timeout_seconds"]),
    )
    try:
        yield
    finally:
        dist.destroy_process_group()


class RankEnvironment(ClusterEnvironment):
    """The topology, as Lightning's cluster environment."""

    def __init__(self, topology: Topology, num_nodes: int) -> None:
        super().__init__()
        self.topology, self.num_nodes = topology, num_nodes

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @property
    def main_address(self) -> str:
        return self.topology.address

    @property
    def main_port(self) -> int:
        return self.topology.port

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self.topology.world_size

    def set_world_size(self, size: int) -> None:
        assert size == self.topology.world_size

    def global_rank(self) -> int:
        return self.topology.rank

    def set_global_rank(self, rank: int) -> None:
        assert rank == self.topology.rank

    def local_rank(self) -> int:
        return self.topology.local_rank

    def node_rank(self) -> int:
        return self.topology.rank * self.num_nodes // self.topology.world_size


def _address(starter: str) -> tuple[str, int]:
    """The meeting address of processes that torchrun or srun started."""
    if starter == "torchrun":
        return os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    first = SLURMEnvironment.resolve_root_node_address(os.environ["SLURM_STEP_NODELIST"])
    port = FIRST_PORT + int(os.environ["SLURM_JOB_ID"]) % NUM_PORTS
    return os.environ.get("MASTER_ADDR", first), int(os.environ.get("MASTER_PORT", port))
