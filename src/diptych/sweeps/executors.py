"""Who carries starts out: the words between the supervisor and processes of this machine or jobs of a cluster."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from diptych.config.errors import UserError
from diptych.sweeps.exit_status import End
from diptych.sweeps.slots import Slot
from diptych.sweeps.starts import Start


class Work(Protocol):
    """A start in the hands of an executor. `handle` is the executor's name for it, by which it is adopted later."""

    handle: str

    def ended(self) -> bool:
        """Whether it is over."""
        ...

    def waits(self) -> bool:
        """Whether it stands in a queue, so that no sign of life can be expected of it."""
        ...

    def end(self) -> End:
        """How it ended, once it is over."""
        ...

    def stop(self) -> None:
        """Ask it to save and end; asked again, it is told again where it may not have heard."""
        ...

    def kill(self) -> None:
        """End it at once, with all it has started."""
        ...


class Executor(Protocol):
    """Carries starts out, and takes up what an earlier supervisor has started.

    `look_every_seconds` is how often it may be asked how its work fares. `parallelism` is how many starts are under way
    at a time; None where that is one a slot. `is_of_one_machine` says that it knows nothing of work that was begun on
    another.
    """

    look_every_seconds: float
    parallelism: int | None
    is_of_one_machine: bool

    @property
    def description(self) -> Mapping[str, Any]:
        """Plain values from which `executor_again` makes one that adopts this one's work."""
        ...

    def check(self) -> None:
        """Refuse what is missing here for its work (`UserError`), before a sweep is begun."""
        ...

    def slots(self) -> Sequence[Slot]:
        """How many starts it takes at a time, and what each of them has."""
        ...

    def submit(self, starts: Sequence[Start]) -> Iterable[Work]:
        """Begin them in this order; fewer, if no more can be begun now. Each that comes out is noted at once."""
        ...

    def adopt(self, handle: str) -> Work | None:
        """Work that is still under way, if it is."""
        ...

    def end_of(self, handle: str) -> End:
        """How work ended that is under way no more, as far as that can still be known."""
        ...


def at_a_time(executor: Executor, slots: Sequence[Slot]) -> int:
    """How many starts are under way at once."""
    return executor.parallelism or len(slots)


def executor_again(description: Mapping[str, Any]) -> Executor:
    """The executor that a sweep had, able to adopt and stop its work."""
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
    raise UserError(f"nobody knows an executor like {dict(description)}, which sweep.yaml names")
