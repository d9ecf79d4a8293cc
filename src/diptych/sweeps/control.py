"""What people do to a sweep from outside: stop it, and queue again what did not end well."""

import shlex
import time

from diptych.runs.folder.lock import LockHeld, locked
from diptych.runs.folder.status import PRUNED
from diptych.sweeps.controller import Controller, Policy, View, exclusive_lock
from diptych.sweeps.executors import Executor, executor_again
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import ENDED_BADLY, Job, Jobs
from diptych.sweeps.local import LocalExecutor

ASK_EVERY_SECONDS = 0.2


def stop(folder: SweepFolder) -> str:
    """Let every run save and stop; returns, in words, once they have."""
    while folder.is_in_hand:
        folder.stop.touch()
        time.sleep(ASK_EVERY_SECONDS)
    try:
        with locked(folder.lock):
            folder.stop.unlink(missing_ok=True)
            folder.ledger.repair()
            Controller(folder, executor_of(folder), (), Policy(), View()).stop()
    except LockHeld:
        return f"sweep {folder.name} was taken up again"
    return f"sweep {folder.name} is stopped; go on with\n{command_of(folder)}"


def retry(folder: SweepFolder) -> str:
    """Queue what failed, diverged or was lost; says what to type, for it is the sweep's own command that goes on."""
    with exclusive_lock(folder):
        bad = _to_retry(folder.jobs())
        for job in bad:
            folder.ledger.append("queued", job=job.number)
    if not bad:
        return f"nothing in sweep {folder.name} ended badly"
    runs = "1 run is" if len(bad) == 1 else f"{len(bad)} runs are"
    return f"{runs} queued again; go on with\n{command_of(folder)}"


def executor_of(folder: SweepFolder) -> Executor:
    """As the sweep's latest call chose it."""
    calls = folder.calls()
    return executor_again(calls[-1]["executor"]) if calls else LocalExecutor()


def command_of(folder: SweepFolder) -> str:
    """What was typed last to begin or go on with the sweep."""
    calls = folder.calls()
    return shlex.join(calls[-1]["command"]) if calls else f"diptych train -m --sweep {folder.name} …"


def _to_retry(jobs: Jobs) -> list[Job]:
    """What ended badly, and runs of a search's trial that were ended because another one of it did."""
    bad = [job for job in jobs if job.state in ENDED_BADLY]
    trials = {job.trial for job in bad} - {None}
    return bad + [job for job in jobs if job.state == PRUNED and job.trial in trials]
