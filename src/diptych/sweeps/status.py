"""The status of a sweep as plain values, for tables, lines and programs."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from diptych.runs.folder.status import DONE, PRUNED, RUNNING, now, seconds_between
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import QUEUED, STATES, Job, Jobs

_LONG_NUMBER = re.compile(r"-?\d+\.\d{5,}(e-?\d+)?|-?\d\.\d{5,}e-?\d+")


@dataclass(frozen=True)
class JobRow:
    """One run. `overrides` are those that differ between the runs of the sweep.

    `seconds` of training; it took `slot_seconds` of its slot, with its start-up, the least of which is its training.
    """

    job: Job
    overrides: str
    images: int
    best: float | None
    seconds: float
    slot_seconds: float = 0.0


@dataclass(frozen=True)
class SweepStatus:
    """All runs, and an estimate of the seconds left; None where nothing has finished yet."""

    rows: tuple[JobRow, ...]
    seconds_left: float | None

    @property
    def counts(self) -> dict[str, int]:
        """The number of runs in each state that occurs."""
        counted = Counter(row.job.state for row in self.rows)
        return {state: counted[state] for state in STATES if counted[state]} | {
            state: number for state, number in counted.items() if state not in STATES
        }

    @property
    def counts_text(self) -> str:
        """`9 done, 3 pruned`."""
        return ", ".join(f"{number} {state}" for state, number in self.counts.items())

    @property
    def summary(self) -> str:
        """The counts and the time left, in one line."""
        line = self.counts_text
        return line if self.seconds_left is None else f"{line}; about {duration(self.seconds_left)} left"

    def to_dict(self) -> Mapping[str, Any]:
        """Plain values for JSON."""
        runs = [
            {
                "job": row.job.number,
                "run": row.job.run_id,
                "state": row.job.state,
                "why": row.job.why,
                "starts": row.job.starts,
                "overrides": row.overrides,
                "images": row.images,
                "best": row.best,
                "seconds": round(row.seconds, 1),
            }
            for row in self.rows
        ]
        return {"counts": self.counts, "seconds_left": self.seconds_left, "runs": runs}


def status_of(folder: SweepFolder, jobs: Jobs, at_a_time: int | None = None) -> SweepStatus:
    """The status, read from the run folders; `at_a_time` defaults to that of the latest call."""
    differing = _differing(jobs)
    rows = tuple(_row(folder, job, differing) for job in jobs)
    num_slots: int = at_a_time or next((call["at_a_time"] for call in folder.calls()[-1:] if "at_a_time" in call), 1)
    return SweepStatus(rows, _seconds_left(rows, num_slots, jobs.expected_runs))


def duration(seconds: float) -> str:
    """Rounded to one unit: `2 h`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _row(folder: SweepFolder, job: Job, differing: set[str]) -> JobRow:
    run = folder.run_of(job) if job.starts else None
    shown = [text for text in job.arguments if text in differing or text.partition("=")[0] in job.values]
    overrides = " ".join(map(_shortened, shown))
    seen = replace(job, state=QUEUED) if job.waits else job
    in_slot = seconds_between(job.since, job.ended or now()) if job.since and seen.state != QUEUED else 0.0
    if run is None:
        return JobRow(seen, overrides, 0, None, in_slot if seen.state == RUNNING else 0.0, in_slot)
    status = run.read_status()
    return JobRow(seen, overrides, status.images_seen, status.best, status.seconds, max(status.seconds, in_slot))


def _shortened(argument: str) -> str:
    """The argument, with a long number rounded for people."""
    key, _, value = argument.partition("=")
    return f"{key}={float(value):.4g}" if _LONG_NUMBER.fullmatch(value) else argument


def _differing(jobs: Jobs) -> set[str]:
    """Arguments that some jobs lack."""
    counted = Counter(argument for job in jobs for argument in set(job.arguments))
    return {argument for argument, number in counted.items() if number < len(jobs)}


def _seconds_left(rows: tuple[JobRow, ...], num_slots: int, expected_runs: int) -> float | None:
    """An estimate from the time that finished runs took of their slots, pruned ones included."""
    done = [row.slot_seconds for row in rows if row.job.state in (DONE, PRUNED)]
    to_come = sum(row.job.state == QUEUED for row in rows) + max(0, expected_runs - len(rows))
    running = [row for row in rows if row.job.state == RUNNING]
    if not done or not (to_come or running):
        return None
    usual = sum(done) / len(done)
    return (to_come * usual + sum(max(0.0, usual - row.slot_seconds) for row in running)) / num_slots
