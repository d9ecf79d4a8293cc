"""Slots: places for runs on one machine, each with a share of its cores and GPUs."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from diptych.config.errors import UserError
from diptych.runs.folder.environment import usable_cpus


@dataclass(frozen=True)
class Resources:
    """The resources of a run of a sweep; `slots_of` chooses where a value is None.

    With `gpus_per_run` below 1 several runs share a GPU. A run keeps its `threads_per_run` when it resumes, because
    another number of threads changes the last bits of its results.
    """

    slots: int | None = None
    gpus_per_run: float | None = None
    threads_per_run: int | None = None

    def __post_init__(self) -> None:
        for name in ("slots", "threads_per_run"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"hydra.launcher.{name}={value}: give 1 or more, or null")
        share = self.gpus_per_run
        if share is not None and (share < 0 or (share > 1 and share != int(share))):
            raise UserError(f"hydra.launcher.gpus_per_run={share}: give a share of one GPU, or a whole number of them")


@dataclass(frozen=True)
class Machine:
    """The cores of a machine, and its GPUs by their names in CUDA_VISIBLE_DEVICES."""

    cores: int
    gpus: tuple[str, ...] = ()

    @classmethod
    def here(cls) -> "Machine":
        """What this process may use of this machine."""
        return cls(usable_cpus(), _gpus())


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one run at a time. `threads` None leaves the number of threads to the run."""

    number: int
    gpus: tuple[str, ...] = ()
    threads: int | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that assign the slot's share to a process."""
        variables = {"CUDA_VISIBLE_DEVICES": ",".join(self.gpus)} if self.gpus else {}
        return variables if self.threads is None else {**variables, "OMP_NUM_THREADS": str(self.threads)}


def slots_of(resources: Resources, machine: Machine) -> list[Slot]:
    """All slots. By default a run gets a GPU of its own, or without GPUs the whole machine."""
    share = resources.gpus_per_run
    if share is None:
        share = 1.0 if machine.gpus else 0.0
    if share:
        shares = _gpu_shares(machine.gpus, share)
        gpus = shares[: resources.slots or len(shares)]
        if resources.slots and resources.slots > len(gpus):
            raise UserError(
                f"hydra.launcher.slots={resources.slots}: with gpus_per_run={share:g} there are {len(gpus)} slots"
            )
    else:
        gpus = [()] * (resources.slots or max(1, machine.cores // (resources.threads_per_run or machine.cores)))
    threads = resources.threads_per_run
    if threads is None and len(gpus) > 1:
        threads = max(1, machine.cores // len(gpus))
    return [Slot(number, own, threads) for number, own in enumerate(gpus)]


def _gpu_shares(gpus: Sequence[str], share: float) -> list[tuple[str, ...]]:
    """Every GPU several times, or groups of GPUs; the first runs use different GPUs."""
    if not gpus:
        raise UserError(f"hydra.launcher.gpus_per_run={share:g}: this machine has no visible GPU")
    if share <= 1:
        return [(gpu,) for _ in range(floor(1 / share + 1e-9)) for gpu in gpus]
    size = int(share)
    groups = [tuple(gpus[i : i + size]) for i in range(0, len(gpus) - size + 1, size)]
    if not groups:
        raise UserError(f"hydra.launcher.gpus_per_run={size}: this machine has only {len(gpus)} visible GPUs")
    return groups


def _gpus() -> tuple[str, ...]:
    """The GPUs that this process sees, found without loading CUDA."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return tuple(name for name in visible.split(",") if name not in ("", "-1", "NoDevFiles"))
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(listed.split())
