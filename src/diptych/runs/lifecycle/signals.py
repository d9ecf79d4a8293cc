"""Stop on a signal: training finishes the batch, saves, and exits with code 128 + the signal's number.

The signals are SIGINT and SIGTERM, and in a SLURM job those that announce its time limit (`preemption.py`). Lightning
alone would exit with 1 or 0. A second signal stops at once and saves nothing, except in a SLURM job, since SLURM
repeats its signals. While a run saves and writes its final record, further signals change nothing.
"""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from diptych.runs.lifecycle.preemption import PREEMPTION_SIGNALS, in_slurm_job, is_preemption

log = logging.getLogger(__name__)


class Stopped(BaseException):
    """A signal has stopped the run. `code` is the exit code; `between_steps`: all processes stop between steps."""

    def __init__(self, signum: int, between_steps: bool = False) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.signum, self.code = signum, 128 + signum
        self.between_steps = between_steps


class Pruned(BaseException):
    """A search has pruned the run, with its reason. All processes of the run end between the same steps."""

    between_steps = True


def stop_signals() -> set[signal.Signals]:
    """The signals that stop a run in this environment."""
    return {signal.SIGINT, signal.SIGTERM, *(PREEMPTION_SIGNALS if in_slurm_job() else ())}


@contextmanager
def stop_signals_blocked() -> Iterator[None]:
    """Processes started meanwhile receive none of these signals before they enter `StopSignals` themselves."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class StopSignals:
    """While entered, catch the signals; with `deferred`, the run saves before it stops.

    The log message of the first deferred signal says what happens `next`. Signals change nothing while
    `ignored_because` holds a reason.
    """

    def __init__(self, deferred: bool = False) -> None:
        self.deferred = deferred
        self.next = "saving after this batch, then stopping"
        self.ignored_because = ""
        self.received: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # Python delivers signals to this thread only
            self._previous = {number: signal.getsignal(number) for number in stop_signals()}
        self.install()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._previous)  # the parent may have blocked them until now
        return self

    def __exit__(self, *_: object) -> None:
        """Preemption signals are ignored from here on: everything is saved, only the record is left to write."""
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_IGN if is_preemption(number) else handler)

    def install(self) -> None:
        """Install the handlers; needed again after Lightning installs its own at the begin of `fit`."""
        for number in self._previous:
            signal.signal(number, self._handle)

    def raise_if_received(self) -> None:
        """Call this where stopping is safe."""
        if self.received is not None:
            raise Stopped(self.received, between_steps=True)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        name = signal.Signals(signum).name
        if self.ignored_because:
            log.warning("%s changes nothing: %s", name, self.ignored_because)
            return
        stops_at_once = not self.deferred or (self.received is not None and not in_slurm_job())
        is_first, self.received = self.received is None, self.received or signum
        if stops_at_once:
            self.ignored_because = "stopping at once already"
            raise Stopped(signum)
        if is_first:
            log.warning("%s: %s (once more stops at once)", name, self.next)
