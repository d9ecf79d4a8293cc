"""Who carries a job out: here, processes of this machine."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from diptych.runs.status import birth_of, is_process
from diptych.sweeps.slots import Slot


class Work(Protocol):
    """A job in the hands of an executor."""

    pid: int
    born: str

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
    """Starts work, and takes up what an earlier controller started."""

    def submit(self, arguments: Sequence[str], variables: Mapping[str, str], slot: Slot, log: Path) -> Work:
        """Run `diptych ARGUMENTS` in the slot, under these variables too; what it says is added to `log`."""
        ...

    def adopt(self, pid: int, born: str) -> Work | None:
        """Work that is still under way, if it is."""
        ...


@dataclass
class LocalWork:
    """A process with a session of its own; `process` is None where another controller started it."""

    pid: int
    born: str
    process: subprocess.Popen[bytes] | None = None

    def ended(self) -> bool:
        if self.process is not None:
            return self.process.poll() is not None
        return not is_process(self.pid, self.born)

    @property
    def code(self) -> int | None:
        return self.process.returncode if self.process is not None else None

    def stop(self) -> None:
        if not self.ended():
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        if not self.ended():
            os.killpg(self.pid, signal.SIGKILL)


class LocalExecutor:
    """A fresh process for every run: nothing leaks from one into the next, and one crash leaves the others alone."""

    def submit(self, arguments: Sequence[str], variables: Mapping[str, str], slot: Slot, log: Path) -> LocalWork:
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "diptych", *arguments]
        whole = {**os.environ, **slot.environment, **variables}
        with log.open("ab") as said:
            process = subprocess.Popen(
                command, env=whole, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
        return LocalWork(process.pid, birth_of(process.pid), process)

    def adopt(self, pid: int, born: str) -> LocalWork | None:
        return LocalWork(pid, born) if is_process(pid, born) else None
