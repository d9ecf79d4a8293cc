"""The processor time and the memory that this process takes: what a run costs, however busy the machine is."""

import os
import resource
import sys
import time
from pathlib import Path

STATUS = Path("/proc/self/status")


def core_seconds() -> float:
    """Processor time of all threads so far, with that of child processes that have ended."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def peak_memory_mib() -> float:
    """The most memory that this process alone has taken so far.

    Linux's own mark is preferred: the other one also counts what the parent had when it started the process.
    """
    try:
        lines = STATUS.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 1024)


class CoreTime:
    """Core-seconds of training alone, over all starts of a run: time between `pause` and `resume` does not count."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._running_since: float | None = None

    def resume(self) -> None:
        """Count from now on."""
        self._running_since = core_seconds()

    def pause(self) -> None:
        """Stop counting."""
        self.read()
        self._running_since = None

    def read(self) -> float:
        """The seconds so far."""
        if self._running_since is not None:
            now = core_seconds()
            self.seconds += now - self._running_since
            self._running_since = now
        return self.seconds
