"""A SLURM job that is to lose its machine: its run saves, and then waits to be killed.

SLURM sends SIGTERM when it preempts a job, and some time before the job's time limit the signal that was asked for
when it was submitted. A job that ends by itself within its grace time counts as completed and is never queued again,
so that a preempted run must wait for its end; one whose time is over must ask to be queued again. SIGINT alone is a
person's wish that the run be stopped.
"""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable

from diptych.runs.folder.identity import HANDLE_VARIABLE

TAKING = frozenset({signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2})
"""By which SLURM says that the machine will be taken away."""
LONGEST_GRACE_SECONDS = 3600.0

log = logging.getLogger(__name__)


def in_slurm_job() -> bool:
    """Whether this process is a job that a sweep has submitted to SLURM; other sweeps may run inside of one."""
    return "SLURM_JOB_ID" in os.environ and os.environ.get(HANDLE_VARIABLE) == slurm_handle()


def slurm_handle() -> str:
    """The id of the job that this process is in, as `squeue` has it."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}" if array else os.environ["SLURM_JOB_ID"]


def is_preemption(signum: int) -> bool:
    """Whether the signal means that the run's machine is taken away, not that the run is unwanted."""
    return signum in TAKING and in_slurm_job()


def await_the_end(signum: int, has_saved: bool, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait for SLURM to end this job, having asked that it be queued again if its time limit comes.

    Returns where that is not to be: where nothing new was saved, so that it would happen again and again, where SLURM
    queues no job twice, or where no end comes. A living supervisor then submits the run anew.
    """
    if signum != signal.SIGTERM and not (has_saved and _is_queued_again()):
        return
    log.info("%s: saved; waiting for SLURM to end the job", signal.Signals(signum).name)
    for number in TAKING:
        signal.signal(number, signal.SIG_IGN)
    sleep(LONGEST_GRACE_SECONDS)


def _is_queued_again() -> bool:
    command = ["scontrol", "requeue", os.environ["SLURM_JOB_ID"]]
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("SLURM does not queue this job again: %s", getattr(error, "stderr", None) or error)
        return False
    return True
