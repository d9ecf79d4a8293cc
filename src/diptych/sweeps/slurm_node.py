"""A SLURM job on its node: it becomes the process of its run.

The ledger decides whether it may. A job that the ledger does not name exits without touching the run: either its
supervisor was killed before it noted the job, or SLURM requeued the job after another one took its place.
"""

import logging
import os
import signal
import time
from dataclasses import dataclass

from diptych.runs.folder.identity import HANDLE_VARIABLE
from diptych.runs.folder.status import RUNNING
from diptych.runs.lifecycle.preemption import PREEMPTION_SIGNALS, slurm_handle
from diptych.sweeps.starts import Start

PATIENCE_SECONDS = 60.0
"""A job may begin before the ledger names it, and a network file system may show that later."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OnNode:
    """Called in the job each time that SLURM begins it; the process then becomes the run's."""

    start: Start

    def __call__(self) -> None:
        handle = slurm_handle()
        if is_noted(self.start, handle):
            become_run(self.start, handle)
        log.warning("the ledger names another job than %s for %s: this job exits", handle, self.start.job.run_id)


def is_noted(start: Start, handle: str, patience_seconds: float = PATIENCE_SECONDS) -> bool:
    """Whether the ledger names this job for the run; waits for the entry."""
    deadline = time.monotonic() + patience_seconds
    while True:
        job = start.folder.jobs()[start.job.number]
        if (job.state, job.handle) == (RUNNING, handle):
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.5)


def become_run(start: Start, handle: str) -> None:
    """Replace this process by the run; signals stay blocked until the run can save."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *PREEMPTION_SIGNALS})
    start.log.parent.mkdir(parents=True, exist_ok=True)
    nothing, log_file = (
        os.open(os.devnull, os.O_RDONLY),
        os.open(start.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
    )
    for descriptor, place in ((nothing, 0), (log_file, 1), (log_file, 2)):
        os.dup2(descriptor, place)
    environment = {**start.environment(), HANDLE_VARIABLE: handle}
    command = start.command()
    os.execve(command[0], command, environment)
