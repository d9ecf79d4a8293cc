"""The interface of executors, which start runs: as local processes or as jobs of a cluster."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from diptych.config.errors import UserError
from diptych.sweeps.exit_status import End
from diptych.sweeps.slots import Slot
from diptych.sweeps.starts import Start


class Work(Protocol):
    """A start that an executor carries out. A later supervisor adopts it by its `handle`."""

    handle: str

    def ended(self) -> bool:
        """Whether it has ended."""
        ...

    def waits(self) -> bool:
        """Whether it waits in a queue, so that no sign of life is due."""
        ...

    def end(self) -> End:
        """How it ended, once it has."""
        ...

    def stop(self) -> None:
        """Ask it to save and end; a repeated call asks again where the first may be lost."""
        ...

    def kill(self) -> None:
        """Kill it at once, with its child processes."""
        ...


class Executor(Protocol):
    """Carries out starts, and adopts those of an earlier supervisor.

    The supervisor polls it every `look_every_seconds`. `parallelism` is the number of starts at a time; None means one
    per slot. `is_of_one_machine` says that it cannot see work on other machines.
    """

    look_every_seconds: float
    parallelism: int | None
    is_of_one_machine: bool

    @property
    def description(self) -> Mapping[str, Any]:
        """Plain values from which `restore_executor` makes an executor that adopts this one's work."""
        ...

    def check(self) -> None:
        """Refuse before the sweep starts if this machine lacks something (`UserError`)."""
        ...

    def slots(self) -> Sequence[Slot]:
        """Its slots: one per start at a time, with the resources of each."""
        ...

    def submit(self, starts: Sequence[Start]) -> Iterable[Work]:
        """Begin the starts in order, fewer where there is no room. The caller notes each as soon as it is yielded."""
        ...

    def adopt(self, handle: str) -> Work | None:
        """The work of this handle if it is still running, else None."""
        ...

    def end_of(self, handle: str) -> End:
        """How the work of this handle ended, as far as that is still known."""
        ...


def at_a_time(executor: Executor, slots: Sequence[Slot]) -> int:
    """The number of starts at a time."""
    return executor.parallelism or len(slots)


def restore_executor(description: Mapping[str, Any]) -> Executor:
    """A sweep's earlier executor, able to adopt and stop its work."""
    match description:
        case {"kind": "local"}:
            from diptych.sweeps.local import LocalExecutor

            return LocalExecutor()
        case {"kind": "submitit_slurm"}:
            from diptych.sweeps.slurm import SlurmExecutor

            return SlurmExecutor()
        case {"kind": "ray", "address": address}:
            from diptych.sweeps.ray_cluster import RayExecutor

            return RayExecutor(address=address)
    raise UserError(f"sweep.yaml names an unknown executor: {dict(description)}")
