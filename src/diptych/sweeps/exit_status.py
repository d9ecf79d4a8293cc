"""How a start of a run ended: by the run's own status, else by what its executor knows."""

import os
import signal
from pathlib import Path
from typing import NamedTuple

from diptych.runs.checkpoints import newest_whole
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DAMAGED, DONE, FAILED, LOST, PREEMPTED, RUNNING, STOPPED, Status
from diptych.sweeps.jobs import QUEUED, Job

LAST_LINES = 3
MESSAGES = ("diptych train: ", "diptych resume: ")
"""The beginnings of the messages of commands that fail."""
MOST_LOSSES = 3
"""A lost run has failed after so many losses in a row without progress."""
UNFINISHED = (RUNNING, PREEMPTED, DAMAGED, "")
"""States in status.json that do not say how the start ended."""


class End(NamedTuple):
    """What an executor knows of ended work.

    `code` is the exit code, negative for a signal; None if it is unknown. `state` is set where the executor knows more
    than the code says, and `why` is the reason.
    """

    code: int | None = None
    state: str = ""
    why: str = ""


class ExitStatus(NamedTuple):
    """The state of a job after a start, and why. `progress` changes whenever the run saves."""

    state: str
    why: str
    progress: int


def exit_status_of(job: Job, run: RunFolder | None, end: End, log: Path) -> ExitStatus:
    """The exit status of the job's latest start. A run that is lost repeatedly without progress has failed."""
    exit_status = _exit_status(job, run, end, log)
    if exit_status.state != LOST or exit_status.progress != job.progress or job.losses + 1 < MOST_LOSSES:
        return exit_status
    return ExitStatus(FAILED, f"lost {MOST_LOSSES} times without progress: {exit_status.why}", exit_status.progress)


def progress_of(run: RunFolder | None) -> int:
    """The time of the run's newest whole checkpoint, in nanoseconds; 0 if there is none."""
    saved = newest_whole(run) if run is not None else None
    return saved.stat().st_mtime_ns if saved is not None else 0


def _exit_status(job: Job, run: RunFolder | None, end: End, log: Path) -> ExitStatus:
    progress = progress_of(run)
    code = end.code
    status = run.read_status() if run is not None else Status("")
    if run is not None:
        has_spoken = status.handle == job.handle and status.status not in UNFINISHED
        if os.EX_TEMPFAIL in (code, status.exit_code if has_spoken else None):
            return ExitStatus(_after_full_disk(job, progress), status.why or _last_words(log), progress)
        if has_spoken or (status.status, code) == (DONE, 0):
            return ExitStatus(status.status, status.why, progress)
    if end.state:
        return ExitStatus(end.state, end.why, progress)
    if code is not None and code > 128:
        if (status.status, status.handle) == (PREEMPTED, job.handle):
            return ExitStatus(LOST, "it was preempted and had saved, but was not queued again", progress)
        return ExitStatus(STOPPED, f"stopped by {_signal_name(code - 128)} before its first step", progress)
    if code == 0:
        return ExitStatus(LOST, end.why or "it exited without a message", progress)
    if code is not None and code >= 0:
        return ExitStatus(FAILED, _last_words(log) or f"exit code {code}", progress)
    how = "its process vanished" if code is None else f"killed by signal {-code}"
    return ExitStatus(LOST, end.why or how, progress)


def _signal_name(number: int) -> str:
    return next((known.name for known in signal.Signals if known == number), f"signal {number}")


def _after_full_disk(job: Job, progress: int) -> str:
    """Queue the run again if it made progress; otherwise it would wait for ever, so it stays stopped."""
    return QUEUED if progress != job.progress else STOPPED


def _last_words(log: Path) -> str:
    """The end of a process's log in one line, from its command's own message on if there is one."""
    if not log.exists():
        return ""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    first = next((number for number in reversed(range(len(lines))) if lines[number].startswith(MESSAGES)), -LAST_LINES)
    return " ".join(lines[first:][:LAST_LINES])
