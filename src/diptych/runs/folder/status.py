"""A run's status: one word, the reason, the progress, and the process that trains it."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

RUNNING, DONE, PRUNED, FAILED, STOPPED, DIVERGED = "running", "done", "pruned", "failed", "stopped", "diverged"
"""The statuses that a run writes. A search ended a `pruned` run, a `failed` run raised an error, a `diverged` run had
numbers that are not finite, and a signal ended a `stopped` run."""
PREEMPTED = "preempted"
"""Written by a run that saved because the cluster takes its machine away; it resumes on the next machine."""
LOST = "lost"
"""Shown for a run whose process is gone without a final status."""
DAMAGED = "damaged"
"""Shown for a run whose small files cannot be read."""


@dataclass(frozen=True)
class Status:
    """The content of status.json. `why` is the reason of the end; `exit_code` is set where others could not know it.

    `pid`, `host` and `born` identify the training process; `handle` is its launcher's name for it.

    `started` is the first start and `resumed` the latest one; `seconds_before` is the training time before that.
    `updated` is the latest heartbeat. `core_seconds` is the processor time of all starts until then, of the training
    process and of its children that have ended, and `core_clock` the process's own count at that moment;
    `peak_memory_mib` is the most that the process took in any start. None: an older version began the run.
    """

    status: str
    why: str = ""
    started: str = ""
    updated: str = ""
    images_seen: int = 0
    best: float | None = None
    pid: int = 0
    host: str = ""
    born: str = ""
    handle: str = ""
    resumed: str = ""
    seconds_before: float = 0.0
    exit_code: int | None = None
    core_seconds: float | None = None
    core_clock: float = 0.0
    peak_memory_mib: float | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the training process still lives; assumed if it runs on another machine."""
        if self.status != RUNNING:
            return False
        return self.host != host_name() or is_process(self.pid, self.born)

    @property
    def seconds(self) -> float:
        """Training time of all starts together."""
        begin = self.resumed or self.started
        return self.seconds_before + (seconds_between(begin, self.updated) if begin and self.updated else 0.0)

    @property
    def label(self) -> str:
        """One word, for lists."""
        return LOST if self.status == RUNNING and not self.is_alive else self.status


def now() -> str:
    """The current time, in the format of the small files."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def seconds_between(begin: str, end: str) -> float:
    """The seconds between two times in the format of the small files."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def host_name() -> str:
    """The name of this machine; it never leaves the run's folder."""
    return os.uname().nodename


def is_process(pid: int, born: str) -> bool:
    """Whether the process with this number and start time still lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return birth_of(pid) == born and not _is_zombie(pid)


def birth_of(pid: int) -> str:
    """The process's start time in kernel ticks, since process numbers are reused; "" if unknown."""
    fields = _fields(pid)
    return fields[19] if fields else ""


def process_handle(pid: int) -> str:
    """A unique name of a process on this machine: its number and start time."""
    return f"{pid}:{birth_of(pid)}"


def _is_zombie(pid: int) -> bool:
    """Whether it has ended and its parent has not collected the exit code."""
    fields = _fields(pid)
    return bool(fields) and fields[0] == "Z"


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; empty if there are none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
