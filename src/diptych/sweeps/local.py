"""The local executor: every run is a process of this machine."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError
from diptych.runs.folder.status import FAILED, is_process, process_handle
from diptych.sweeps.exit_status import End
from diptych.sweeps.resident_memory import session_memory_gb
from diptych.sweeps.slots import Machine, Resources, Slot, slots_of
from diptych.sweeps.starts import Start

MEASURE_EVERY_SECONDS = 1.0
HANDLE = re.compile(r"(\d+):(\d*)")
"""A process, by its number and its start time."""


@dataclass
class LocalWork:
    """A process with its own session; `process` is None if another supervisor started it.

    The session is killed if its processes together take more than `most_memory_gb`.
    """

    handle: str
    process: subprocess.Popen[bytes] | None = None
    most_memory_gb: float | None = None
    taken_gb: float = 0.0
    _is_asked: bool = False
    _measured: float = 0.0

    @property
    def pid(self) -> int:
        return int(self.handle.partition(":")[0])

    def ended(self) -> bool:
        if self._is_gone():
            return True
        if self._takes_too_much():
            self._kill()
        return False

    def waits(self) -> bool:
        return False

    def end(self) -> End:
        if self.most_memory_gb is not None and self.taken_gb > self.most_memory_gb:
            why = f"it took {self.taken_gb:.2f} GB of memory; hydra.launcher.memory_gb_per_run={self.most_memory_gb:g}"
            return End(state=FAILED, why=why)
        return End(self.process.returncode if self.process is not None else None)

    def stop(self) -> None:
        """Send one SIGTERM: a second one would end it without saving."""
        if not self._is_asked and not self._is_gone():
            self._is_asked = True
            with suppress(ProcessLookupError):  # it may have ended just now
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        if not self._is_gone():
            self._kill()

    def _kill(self) -> None:
        """Kill the whole session."""
        with suppress(ProcessLookupError):  # it may have ended just now
            os.killpg(self.pid, signal.SIGKILL)

    def _is_gone(self) -> bool:
        if self.process is not None:
            return self.process.poll() is not None
        return not is_process(self.pid, self.handle.partition(":")[2])

    def _takes_too_much(self) -> bool:
        if self.most_memory_gb is None or time.monotonic() - self._measured < MEASURE_EVERY_SECONDS:
            return False
        self.taken_gb = max(self.taken_gb, session_memory_gb(self.pid))  # a dying process returns its memory
        self._measured = time.monotonic()
        return self.taken_gb > self.most_memory_gb


class LocalExecutor:
    """Starts a fresh process for every run: runs share no state, and a crash ends one run only."""

    look_every_seconds = 0.2
    parallelism: int | None = None
    is_of_one_machine = True

    def __init__(self, resources: Resources | None = None, most_memory_gb: float | None = None) -> None:
        if most_memory_gb is not None and most_memory_gb <= 0:
            raise UserError(f"hydra.launcher.memory_gb_per_run={most_memory_gb:g}: give more than 0, or null")
        if most_memory_gb is not None and not Path("/proc/self/smaps_rollup").exists():
            raise UserError(
                "hydra.launcher.memory_gb_per_run needs /proc/self/smaps_rollup, which this machine lacks: give null"
            )
        self.resources, self.most_memory_gb = resources or Resources(), most_memory_gb

    @property
    def description(self) -> Mapping[str, Any]:
        return {"kind": "local"}

    def check(self) -> None:
        """Nothing can be missing."""

    def slots(self) -> Sequence[Slot]:
        return slots_of(self.resources, Machine.here())

    def submit(self, starts: Sequence[Start]) -> Iterator[LocalWork]:
        """Start them one by one: the caller notes each before the next begins."""
        return map(self._begin, starts)

    def adopt(self, handle: str) -> LocalWork | None:
        if HANDLE.fullmatch(handle) is None:
            return None  # the handle of another executor
        work = LocalWork(handle, most_memory_gb=self.most_memory_gb)
        return None if work.ended() else work

    def end_of(self, handle: str) -> End:
        return End()

    def _begin(self, start: Start) -> LocalWork:
        start.log.parent.mkdir(parents=True, exist_ok=True)
        with start.log.open("ab") as log:
            process = subprocess.Popen(
                start.command(),
                env=start.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return LocalWork(process_handle(process.pid), process, self.most_memory_gb)
