"""How a start of a run ended: by what the run says of itself, and where it could not, by what its executor knows."""

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
"""How what a command says begins when it is refused or fails."""
MOST_LOSSES = 3
"""In a row and without progress, after which a lost run has failed."""
UNFINISHED = (RUNNING, PREEMPTED, DAMAGED, "")
"""What a status says that tells nothing of how its start ended."""


class End(NamedTuple):
    """What an executor knows of work that is over.

    `code` is its exit code, negative for a signal; None where nobody can know. `state` is set where the executor knows
    better than the code what became of the job, and `why` says how.
    """

    code: int | None = None
    state: str = ""
    why: str = ""


class Outcome(NamedTuple):
    """The state a job is in after a start, and why. `progress` changes whenever the run has saved something new."""

    state: str
    why: str
    progress: int


def outcome_of(job: Job, run: RunFolder | None, end: End, log: Path) -> Outcome:
    """Of the start that `job` tells of, which is over. One lost again and again without getting further has failed."""
    outcome = _outcome(job, run, end, log)
    if outcome.state != LOST or outcome.progress != job.progress or job.losses + 1 < MOST_LOSSES:
        return outcome
    return Outcome(FAILED, f"lost {MOST_LOSSES} times without getting any further: {outcome.why}", outcome.progress)


def progress_of(run: RunFolder | None) -> int:
    """When the run last saved something that is whole, in nanoseconds; 0 if it never did."""
    saved = newest_whole(run) if run is not None else None
    return saved.stat().st_mtime_ns if saved is not None else 0


def _outcome(job: Job, run: RunFolder | None, end: End, log: Path) -> Outcome:
    progress = progress_of(run)
    code = end.code
    status = run.read_status() if run is not None else Status("")
    if run is not None:
        has_spoken = status.handle == job.handle and status.status not in UNFINISHED
        if os.EX_TEMPFAIL in (code, status.exit_code if has_spoken else None):
            return Outcome(_after_full_disk(job, progress), status.why or _last_words(log), progress)
        if has_spoken or (status.status, code) == (DONE, 0):
            return Outcome(status.status, status.why, progress)
    if end.state:
        return Outcome(end.state, end.why, progress)
    if code is not None and code > 128:
        if (status.status, status.handle) == (PREEMPTED, job.handle):
            return Outcome(LOST, "it had saved, and its machine was not taken away", progress)
        return Outcome(STOPPED, f"stopped by {_signal_name(code - 128)} before its first step", progress)
    if code == 0:
        return Outcome(LOST, end.why or "it left without a word", progress)
    if code is not None and code >= 0:
        return Outcome(FAILED, _last_words(log) or f"exit code {code}", progress)
    how = "it vanished" if code is None else f"killed by signal {-code}"
    return Outcome(LOST, end.why or how, progress)


def _signal_name(number: int) -> str:
    return next((known.name for known in signal.Signals if known == number), f"signal {number}")


def _after_full_disk(job: Job, progress: int) -> str:
    """What could not save waits for room; what has saved nothing since it waited would only wait for ever."""
    return QUEUED if progress != job.progress else STOPPED


def _last_words(log: Path) -> str:
    """What a process said before it left, in one line: its command's own message, if there is one, begins it."""
    if not log.exists():
        return ""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    said = next((number for number in reversed(range(len(lines))) if lines[number].startswith(MESSAGES)), -LAST_LINES)
    return " ".join(lines[said:][:LAST_LINES])
