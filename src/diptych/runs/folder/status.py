"""Where a run stands: a word, why, how far it has come, and which process has it in hand."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

RUNNING, DONE, PRUNED, FAILED, STOPPED, DIVERGED = "running", "done", "pruned", "failed", "stopped", "diverged"
"""What a run says of itself; `pruned` was not worth its budget to the search that it is of, `failed` raised, `diverged`
had numbers that are not finite, `stopped` was told to."""
PREEMPTED = "preempted"
"""What a run says that has saved because a cluster takes its machine away; it goes on once it has one again."""
LOST = "lost"
"""What is said of a run whose process is gone, though it never said how it ended."""
DAMAGED = "damaged"
"""What is said of a run whose small files cannot be read."""


@dataclass(frozen=True)
class Status:
    """Where a run stands. `why` says how it ended, and `exit_code` how it left where others could not tell.

    `pid`, `host` and `born` tell the process that has it in hand.

    `handle` is the name by which whoever started that process knows it. `started` is the first start; `resumed` is the
    latest one, before which `seconds_before` were spent in training; `updated` is the latest sign of life.
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

    @property
    def is_alive(self) -> bool:
        """Whether the run's process still works on it; assumed where it runs on another machine."""
        if self.status != RUNNING:
            return False
        return self.host != host_name() or is_process(self.pid, self.born)

    @property
    def seconds(self) -> float:
        """Time in training, of all starts together."""
        begin = self.resumed or self.started
        return self.seconds_before + (seconds_between(begin, self.updated) if begin and self.updated else 0.0)

    @property
    def label(self) -> str:
        """One word for lists."""
        return LOST if self.status == RUNNING and not self.is_alive else self.status


def now() -> str:
    """The moment, as it stands in small files."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def seconds_between(begin: str, end: str) -> float:
    """From one moment to another, as they stand in small files."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def host_name() -> str:
    """Of this machine; it stays in the run's folder."""
    return os.uname().nodename


def is_process(pid: int, born: str) -> bool:
    """Whether the process that had this number and this birth still lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return birth_of(pid) == born and not _is_zombie(pid)


def birth_of(pid: int) -> str:
    """When the process began, in the kernel's ticks, since numbers of processes are used again; "" where unknown."""
    fields = _fields(pid)
    return fields[19] if fields else ""


def process_handle(pid: int) -> str:
    """A name of a process of this machine that no other one ever has: its number and its birth."""
    return f"{pid}:{birth_of(pid)}"


def _is_zombie(pid: int) -> bool:
    """It has ended, and its parent has not yet asked how."""
    fields = _fields(pid)
    return bool(fields) and fields[0] == "Z"


def _fields(pid: int) -> list[str]:
    """What the kernel says of a process, from its state on; empty where it says nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
