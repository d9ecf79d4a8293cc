"""Preemption by SLURM: the run saves, then waits until SLURM kills the job.

SLURM sends SIGTERM when it preempts a job. Some time before the job's time limit it sends the signal that the
submission asked for. SLURM counts a job that ends by itself within its grace time as completed and never requeues it;
therefore a preempted run must wait to be killed, and a run at its time limit must request the requeue. Only SIGINT
means that a person wants to stop the run.
"""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable

from diptych.runs.folder.identity import HANDLE_VARIABLE

PREEMPTION_SIGNALS = frozenset({signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2})
"""The signals by which SLURM announces that it takes the machine away."""
LONGEST_GRACE_SECONDS = 3600.0

log = logging.getLogger(__name__)


def in_slurm_job() -> bool:
    """Whether a sweep has submitted this process to SLURM; other sweeps may run inside a job."""
    return "SLURM_JOB_ID" in os.environ and os.environ.get(HANDLE_VARIABLE) == slurm_handle()


def slurm_handle() -> str:
    """The id of this process's job, as `squeue` shows it."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}" if array else os.environ["SLURM_JOB_ID"]


def is_preemption(signum: int) -> bool:
    """Whether the signal means that SLURM takes the machine away, not that a person stops the run."""
    return signum in PREEMPTION_SIGNALS and in_slurm_job()


def await_slurm(signum: int, has_saved: bool, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait until SLURM ends this job; at its time limit, request a requeue first.

    Returns if nothing new was saved (a requeue would repeat for ever), if SLURM does not requeue jobs, or if SLURM does
    not end the job. A living supervisor then submits the run again.
    """
    if signum != signal.SIGTERM and not (has_saved and _is_requeued()):
        return
    log.info("%s: saved; waiting for SLURM to end the job", signal.Signals(signum).name)
    for number in PREEMPTION_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    sleep(LONGEST_GRACE_SECONDS)


def _is_requeued() -> bool:
    command = ["scontrol", "requeue", os.environ["SLURM_JOB_ID"]]
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("SLURM does not requeue this job: %s", getattr(error, "stderr", None) or error)
        return False
    return True
