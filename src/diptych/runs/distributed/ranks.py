"""The other processes of a run that trains on several devices of one machine: begun, watched and ended by the first.

What happens to one of them happens to the run. Where one fails or is killed, the first usually finds its connection
broken; where it would wait for ever instead, the run is ended after `GRACE_SECONDS`. The others end themselves when the
first is gone, however it went.
"""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch.distributed as dist

from diptych.runs.distributed.rendezvous import Rendezvous
from diptych.runs.folder.layout import RunFolder
from diptych.runs.lifecycle.signals import held_back

LOOK_EVERY_SECONDS = 0.2
GRACE_SECONDS = 10.0
"""For the first process to find out by itself that another is gone."""
PATIENCE_SECONDS = 60.0
"""For the others to end when the first has done its work."""
FAILED = 1

log = logging.getLogger(__name__)


class RankFailed(RuntimeError):
    """Another process of the run raised an error."""


class RankLost(RankFailed):
    """Another process of the run was killed."""


class RankProcesses:
    """Processes that are watched until `over`; `give_up` is told of a failure that the first process hangs upon."""

    def __init__(self, folder: RunFolder, give_up: Callable[[RankFailed], None]) -> None:
        self.folder, self.give_up = folder, give_up
        self.over = threading.Event()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def begin(self, rendezvous: Rendezvous) -> None:
        """Start one more; all that it says goes to its own log."""
        path = self.folder.rank_log(rendezvous.topology.rank)
        path.parent.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "diptych.runs.rank", rendezvous.to_json()]
        variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with path.open("ab") as said, held_back():  # whoever dies of a signal while it starts makes the run a lost one
            process = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            self._processes[rendezvous.topology.rank] = process

    def watch(self) -> None:
        """From a thread of its own, until all is over."""
        threading.Thread(target=self._watch, daemon=True).start()

    def failure(self) -> RankFailed | None:
        """What befell the first of them that did not end well, if any."""
        codes = {rank: process.poll() for rank, process in self._processes.items()}
        for rank, code in sorted(codes.items(), key=lambda item: item[1] or 0):
            if code is not None and code < 0:
                return RankLost(f"process {rank} of this run was killed by signal {-code}")
            if code:
                return RankFailed(f"process {rank} of this run failed: {self._last_words(rank)}")
        return None

    def wait(self) -> None:
        """Until all have ended; `RankFailed` unless they ended well."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        for rank, process in self._processes.items():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise RankFailed(f"process {rank} of this run did not end when training was done") from None
        if failure := self.failure():
            raise failure

    def kill(self) -> None:
        """End those that still live."""
        for process in self._processes.values():
            process.kill()
            process.wait()

    def blamed_for(self, error: Exception) -> RankFailed | None:
        """Another process's failure where that is what the error comes from: a connection that broke."""
        if not _is_of_a_connection(error):
            return None
        deadline = time.monotonic() + GRACE_SECONDS
        while (failure := self.failure()) is None and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_SECONDS)
        return failure

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
    """While entered, the ordered processes work beside this one; none is left afterwards."""
    processes = RankProcesses(folder, give_up)
    try:
        for rendezvous in rendezvous_of_ranks:
            processes.begin(rendezvous)
        processes.watch()
        yield
        processes.wait()
    except RankFailed:
        raise
    except Exception as error:
        if failure := processes.blamed_for(error):
            raise failure from error
        raise
    finally:
        processes.over.set()
        processes.kill()


def end_with(parent: int) -> None:
    """In another process: end soon after the first one has gone, even in the middle of an exchange."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY_SECONDS)
        os._exit(FAILED)

    threading.Thread(target=look, daemon=True).start()


def _is_of_a_connection(error: Exception) -> bool:
    if not isinstance(error, RuntimeError | OSError):
        return False
    words = str(error).lower()
    return isinstance(error, dist.DistError) or any(word in words for word in ("gloo", "nccl", "connection", "peer"))
