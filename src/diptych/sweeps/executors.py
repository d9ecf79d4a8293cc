"""Who carries starts out: the words between the supervisor and processes of this machine or jobs of a cluster."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from diptych.config.errors import UserError
from diptych.sweeps.slots import Slot
from diptych.sweeps.starts import Start


class Work(Protocol):
    """A start in the hands of an executor. `handle` is the executor's name for it, by which it is adopted later."""

    handle: str

    def ended(self) -> bool:
        """Whether it is over."""
        ...

    @property
    def code(self) -> int | None:
        """Its exit code once it is over, negative for a signal; None where nobody can know."""
        ...

    def stop(self) -> None:
        """Ask it to save and end."""
        ...

    def kill(self) -> None:
        """End it at once, with all it has started."""
        ...


class Executor(Protocol):
    """Carries starts out, and takes up what an earlier supervisor has started.

    `look_every_seconds` is how often it may be asked how its work fares.
    """

    look_every_seconds: float

    @property
    def description(self) -> Mapping[str, Any]:
        """Plain values from which `executor_again` makes one that adopts this one's work."""
        ...

    def slots(self) -> Sequence[Slot]:
        """How many starts it takes at a time, and what each of them has."""
        ...

    def submit(self, starts: Sequence[Start]) -> Sequence[Work]:
        """Begin them all, in this order."""
        ...

    def adopt(self, handle: str) -> Work | None:
        """Work that is still under way, if it is."""
        ...


def executor_again(description: Mapping[str, Any]) -> Executor:
    """The executor that a sweep had, able to adopt and stop its work."""
    match description:
        case {"kind": "local"}:
            from diptych.sweeps.local import LocalExecutor

            return LocalExecutor()
    raise UserError(f"nobody knows an executor like {dict(description)}, which sweep.yaml names")
