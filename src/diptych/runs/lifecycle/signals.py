"""Told to stop: training goes on to the next pause between batches, saves, and leaves with 128 + the signal.

SIGINT and SIGTERM everywhere, in a SLURM job also the signals that announce the end of its time (`preemption.py`).
Lightning alone ends with exit code 1 and 0. A second signal does not wait for that pause and saves nothing; SLURM alone
repeats itself. Once a run is on its way out, further ones change nothing: what is saved and written down then is whole.
"""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from diptych.runs.lifecycle.preemption import TAKING, in_slurm_job, is_preemption

log = logging.getLogger(__name__)


class Stopped(BaseException):
    """A run was told to stop by a signal. `code` is its exit code; `between_steps`, all its processes stop there."""

    def __init__(self, signum: int, between_steps: bool = False) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum, self.code = signum, 128 + signum
        self.between_steps = between_steps


class Pruned(BaseException):
    """A search has given the run up; it says why. All processes of the run end between the same steps."""

    between_steps = True


def caught() -> set[signal.Signals]:
    """The signals that tell a run to stop, here."""
    return {signal.SIGINT, signal.SIGTERM, *(TAKING if in_slurm_job() else ())}


@contextmanager
def held_back() -> Iterator[None]:
    """What is begun meanwhile hears none of these signals before it enters `StopSignals` itself."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, caught())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class StopSignals:
    """While entered, catches the signals; `deferred` says that there is something to save first.

    Of the first one that is deferred it is said what comes `next`; while there is a reason to, signals are `unheeded`.
    """

    def __init__(self, deferred: bool = False) -> None:
        self.deferred = deferred
        self.next = "saving after this batch, then stopping"
        self.unheeded = ""
        self.received: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # Python gives signals to this one only
            self._previous = {number: signal.getsignal(number) for number in caught()}
        self.install()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._previous)  # they may have had to wait for us
        return self

    def __exit__(self, *_: object) -> None:
        """What takes the machine away is ignored from here on: nothing is left to be saved, only to be written down."""
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_IGN if is_preemption(number) else handler)

    def install(self) -> None:
        """Take the signals (again: Lightning puts a handler of its own in front when `fit` begins)."""
        for number in self._previous:
            signal.signal(number, self._handle)

    def raise_if_received(self) -> None:
        """To be called where stopping is safe."""
        if self.received is not None:
            raise Stopped(self.received, between_steps=True)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        name = signal.Signals(signum).name
        if self.unheeded:
            log.warning("%s changes nothing: %s", name, self.unheeded)
            return
        stops_at_once = not self.deferred or (self.received is not None and not in_slurm_job())
        is_first, self.received = self.received is None, self.received or signum
        if stops_at_once:
            self.unheeded = "stopping at once already"
            raise Stopped(signum)
        if is_first:
            log.warning("%s: %s (once more stops at once)", name, self.next)
