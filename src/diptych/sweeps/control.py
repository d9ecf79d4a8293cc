"""Control of a sweep from outside: stop it, or queue its failed runs again."""

import shlex
import time

from diptych.runs.folder.lock import LockHeld, locked
from diptych.runs.folder.status import PRUNED
from diptych.sweeps.controller import Controller, Display, Policy, exclusive_lock
from diptych.sweeps.executors import Executor, restore_executor
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import ENDED_BADLY, Job, Jobs
from diptych.sweeps.local import LocalExecutor

ASK_EVERY_SECONDS = 0.2


def stop(folder: SweepFolder) -> str:
    """Ask every run to save and stop; returns a message once they have."""
    while folder.is_locked:
        folder.stop.touch()
        time.sleep(ASK_EVERY_SECONDS)
    try:
        with locked(folder.lock):
            folder.stop.unlink(missing_ok=True)
            folder.ledger.repair()
            Controller(folder, executor_of(folder), (), Policy(), Display()).stop()
    except LockHeld:
        return f"another process resumed sweep {folder.name}"
    return f"sweep {folder.name} is stopped; resume it with\n{command_of(folder)}"


def retry(folder: SweepFolder) -> str:
    """Queue failed, diverged and lost runs again; returns a message with the command that resumes the sweep."""
    with exclusive_lock(folder):
        bad = _to_retry(folder.jobs())
        for job in bad:
            folder.ledger.append("queued", job=job.number)
    if not bad:
        return f"no run of sweep {folder.name} failed, diverged or was lost"
    runs = "1 run is" if len(bad) == 1 else f"{len(bad)} runs are"
    return f"{runs} queued again; resume the sweep with\n{command_of(folder)}"


def executor_of(folder: SweepFolder) -> Executor:
    """The executor of the sweep's latest call."""
    calls = folder.calls()
    return restore_executor(calls[-1]["executor"]) if calls else LocalExecutor()


def command_of(folder: SweepFolder) -> str:
    """The command that started or resumed the sweep last."""
    calls = folder.calls()
    return shlex.join(calls[-1]["command"]) if calls else f"diptych train -m --sweep {folder.name} …"


def _to_retry(jobs: Jobs) -> list[Job]:
    """Jobs that ended badly, and runs that were ended because another run of their trial failed."""
    bad = [job for job in jobs if job.state in ENDED_BADLY]
    trials = {job.trial for job in bad} - {None}
    return bad + [job for job in jobs if job.state == PRUNED and job.trial in trials]
