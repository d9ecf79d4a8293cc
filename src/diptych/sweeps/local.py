"""Runs as processes of this machine."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diptych.runs.identity import HANDLE_VARIABLE
from diptych.runs.status import is_process, process_handle
from diptych.sweeps.slots import Machine, Resources, Slot, slots_of
from diptych.sweeps.starts import Start


@dataclass
class LocalWork:
    """A process with a session of its own; `process` is None where another supervisor started it."""

    handle: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return int(self.handle.partition(":")[0])

    def ended(self) -> bool:
        if self.process is not None:
            return self.process.poll() is not None
        return not is_process(self.pid, self.handle.partition(":")[2])

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

    look_every_seconds = 0.2

    def __init__(self, resources: Resources | None = None) -> None:
        self.resources = resources or Resources()

    @property
    def description(self) -> Mapping[str, Any]:
        return {"kind": "local"}

    def slots(self) -> Sequence[Slot]:
        return slots_of(self.resources, Machine.here())

    def submit(self, starts: Sequence[Start]) -> Sequence[LocalWork]:
        return [self._begin(start) for start in starts]

    def adopt(self, handle: str) -> LocalWork | None:
        work = LocalWork(handle)
        return None if work.ended() else work

    def _begin(self, start: Start) -> LocalWork:
        start.log.parent.mkdir(parents=True, exist_ok=True)
        whole = {**os.environ, **start.variables}
        whole.pop(HANDLE_VARIABLE, None)  # a supervisor may itself be a job of a cluster
        with start.log.open("ab") as said:
            process = subprocess.Popen(
                start.command(), env=whole, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
        return LocalWork(process_handle(process.pid), process)
