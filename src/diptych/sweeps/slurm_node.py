"""What a job of SLURM does on its node: it becomes the process of its run.

The ledger has the last word: a job that it does not name is one that its supervisor was killed before noting, or that
SLURM queued again when another had taken its place. It leaves without touching the run.
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
"""A job may begin before it is noted, and a network's file system may show it later."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OnNode:
    """To be called in the job, each time that SLURM begins it; the process is the run's own from then on."""

    start: Start

    def __call__(self) -> None:
        handle = slurm_handle()
        if is_noted(self.start, handle):
            become_run(self.start, handle)
        log.warning("job %s is not the one that the ledger names for %s: left alone", handle, self.start.job.run_id)


def is_noted(start: Start, handle: str, patience_seconds: float = PATIENCE_SECONDS) -> bool:
    """Whether the ledger says that the run is in the hands of this job; waits for it to say so."""
    deadline = time.monotonic() + patience_seconds
    while True:
        job = start.folder.jobs()[start.job.number]
        if (job.state, job.handle) == (RUNNING, handle):
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.5)


def become_run(start: Start, handle: str) -> None:
    """Replace this process; its signals wait until the run can save."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *PREEMPTION_SIGNALS})
    start.log.parent.mkdir(parents=True, exist_ok=True)
    nothing, said = os.open(os.devnull, os.O_RDONLY), os.open(start.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for descriptor, place in ((nothing, 0), (said, 1), (said, 2)):
        os.dup2(descriptor, place)
    environment = {**start.environment(), HANDLE_VARIABLE: handle}
    command = start.command()
    os.execve(command[0], command, environment)
