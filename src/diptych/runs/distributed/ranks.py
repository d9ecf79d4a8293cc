"""The rank processes of a run on several devices of one machine: the first process starts, watches and ends them.

If one of them fails or is killed, the run ends. Usually the first process then finds its connection broken; if it would
wait for ever instead, the run ends after `GRACE_SECONDS`. The others end themselves when the first one is gone.
"""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from diptych.runs.distributed.first_error import NotedError, first_error, is_of_a_connection, noted_errors
from diptych.runs.distributed.rendezvous import Rendezvous
from diptych.runs.folder.layout import RunFolder
from diptych.runs.lifecycle.signals import stop_signals_blocked

LOOK_EVERY_SECONDS = 0.2
GRACE_SECONDS = 10.0
"""How long the first process has to notice by itself that another is gone."""
PATIENCE_SECONDS = 60.0
"""How long the others have to end after the first."""
FAILED = 1

log = logging.getLogger(__name__)


class RankFailed(RuntimeError):
    """Another process of the run raised an error."""


class RankLost(RankFailed):
    """Another process of the run was killed."""


class RankProcesses:
    """Watch rank processes until `over`; call `give_up` if one fails and the first process hangs."""

    def __init__(self, folder: RunFolder, give_up: Callable[[RankFailed], None]) -> None:
        self.folder, self.give_up = folder, give_up
        self.over = threading.Event()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, rendezvous: Rendezvous) -> None:
        """Start one more process; its output goes to its own log."""
        path = self.folder.rank_log(rendezvous.topology.rank)
        path.parent.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "diptych.runs.rank", rendezvous.to_json()]
        variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        # a signal that killed a process during its start would make the run a lost one
        with path.open("ab") as rank_log, stop_signals_blocked():
            process = subprocess.Popen(
                command, env=variables, stdin=subprocess.DEVNULL, stdout=rank_log, stderr=rank_log
            )
            self._processes[rendezvous.topology.rank] = process

    def watch(self) -> None:
        """Watch the processes from a thread, until `over` is set."""
        threading.Thread(target=self._watch, daemon=True).start()

    def failure(self) -> RankFailed | None:
        """The failure of another process, if any: the first error that was raised, else the first bad end."""
        noted = first_error(self.folder)
        if noted is not None and noted.rank in self._processes and not noted.is_of_a_connection:
            return RankFailed(str(noted))
        codes = {rank: process.poll() for rank, process in self._processes.items()}
        for rank, code in sorted(codes.items(), key=lambda item: item[1] or 0):
            if code is not None and code < 0:
                return RankLost(f"process {rank} of this run was killed by signal {-code}")
            if code:
                return RankFailed(f"process {rank} of this run failed: {self._last_words(rank)}")
        return None

    def wait(self) -> None:
        """Wait until all have ended; raise `RankFailed` if one failed."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        for rank, process in self._processes.items():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise RankFailed(f"process {rank} of this run did not end when training was done") from None
        if failure := self.failure():
            raise failure

    def kill(self) -> None:
        """Kill the processes that still live."""
        for process in self._processes.values():
            process.kill()
            process.wait()

    def cause_of(self, error: Exception) -> RankFailed | None:
        """The failure of another process that came before the error and caused it, if any."""
        if not is_of_a_connection(error):
            earlier = self._other_error()
            return RankFailed(str(earlier)) if earlier and earlier.kind != type(error).__name__ else None
        deadline = time.monotonic() + (PATIENCE_SECONDS if self._processes else GRACE_SECONDS)
        while time.monotonic() < deadline:
            if (other := self._other_error()) and not other.is_of_a_connection:
                return RankFailed(str(other))
            if failure := self.failure():
                return failure if other or isinstance(failure, RankLost) or not self._noted_later() else None
            time.sleep(LOOK_EVERY_SECONDS)
        return None

    def _other_error(self) -> NotedError | None:
        """The run's first error, if it is another process's."""
        noted = first_error(self.folder)
        return None if noted is None or noted.rank == 0 else noted

    def _noted_later(self) -> bool:
        """Whether another process has noted an error, but later than this one."""
        return self._other_error() is None and len(self.folder.rank_errors()) > 1

    def _watch(self) -> None:
        while not self.over.wait(LOOK_EVERY_SECONDS):
            if (failure := self.failure()) and not self.over.wait(GRACE_SECONDS):
                try:
                    self.give_up(failure)
                finally:
                    self.kill()
                    os._exit(FAILED)

    def _last_words(self, rank: int) -> str:
        path = self.folder.rank_log(rank)
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


@contextmanager
def rank_processes(
    rendezvous_of_ranks: Sequence[Rendezvous], folder: RunFolder, give_up: Callable[[RankFailed], None]
) -> Iterator[None]:
    """While entered, the other processes run beside this one; none is left afterwards."""
    processes = RankProcesses(folder, give_up)
    try:
        for rendezvous in rendezvous_of_ranks:
            processes.start(rendezvous)
        processes.watch()
        with noted_errors(folder, 0):
            yield
        processes.wait()
    except RankFailed:
        raise
    except Exception as error:
        if failure := processes.cause_of(error):
            raise failure from error
        raise
    finally:
        processes.over.set()
        processes.kill()


def exit_with_parent(parent: int) -> None:
    """End this process soon after the first one has gone, even in the middle of an exchange."""

    def watch_parent() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY_SECONDS)
        os._exit(FAILED)

    threading.Thread(target=watch_parent, daemon=True).start()
