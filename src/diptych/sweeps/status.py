"""How a sweep fares, as plain values: what tables, lines and programs show of it."""

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
class Row:
    """One run. `overrides` are those in which the runs of the sweep differ."""

    job: Job
    overrides: str
    images: int
    best: float | None
    seconds: float


@dataclass(frozen=True)
class Standing:
    """All runs, and the seconds that the rest will take, as far as that can be foreseen."""

    rows: tuple[Row, ...]
    seconds_left: float | None

    @property
    def counts(self) -> dict[str, int]:
        """How many runs are in each state that occurs."""
        counted = Counter(row.job.state for row in self.rows)
        return {state: counted[state] for state in STATES if counted[state]} | {
            state: number for state, number in counted.items() if state not in STATES
        }

    @property
    def counts_text(self) -> str:
        """`9 done, 3 pruned`."""
        return ", ".join(f"{number} {state}" for state, number in self.counts.items())

    @property
    def words(self) -> str:
        """The counts in one line, and the time left."""
        line = self.counts_text
        return line if self.seconds_left is None else f"{line}; about {duration(self.seconds_left)} left"

    def to_dict(self) -> Mapping[str, Any]:
        """Ready for JSON."""
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


def standing_of(folder: SweepFolder, jobs: Jobs, at_a_time: int | None = None) -> Standing:
    """Read from the run folders; without a number, as many runs at a time as the latest call said."""
    differing = _differing(jobs)
    rows = tuple(_row(folder, job, differing) for job in jobs)
    num_slots: int = at_a_time or next((call["at_a_time"] for call in folder.calls()[-1:] if "at_a_time" in call), 1)
    return Standing(rows, _seconds_left(rows, num_slots, jobs.foreseen))


def duration(seconds: float) -> str:
    """In words, roughly."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _row(folder: SweepFolder, job: Job, differing: set[str]) -> Row:
    run = folder.run_of(job) if job.starts else None
    shown = [text for text in job.arguments if text in differing or text.partition("=")[0] in job.values]
    said = " ".join(map(_shortened, shown))
    seen = replace(job, state=QUEUED) if job.waits else job
    if run is None:
        return Row(seen, said, 0, None, seconds_between(job.since, now()) if seen.state == RUNNING else 0.0)
    status = run.read_status()
    return Row(seen, said, status.images_seen, status.best, status.seconds)


def _shortened(argument: str) -> str:
    """For people: a number of many digits is rounded."""
    key, _, value = argument.partition("=")
    return f"{key}={float(value):.4g}" if _LONG_NUMBER.fullmatch(value) else argument


def _differing(jobs: Jobs) -> set[str]:
    """Arguments that not all jobs have."""
    counted = Counter(argument for job in jobs for argument in set(job.arguments))
    return {argument for argument, number in counted.items() if number < len(jobs)}


def _seconds_left(rows: tuple[Row, ...], num_slots: int, foreseen: int) -> float | None:
    """From how long the finished runs took, those that a search gave up included."""
    done = [row.seconds for row in rows if row.job.state in (DONE, PRUNED)]
    ahead = sum(row.job.state == QUEUED for row in rows) + max(0, foreseen - len(rows))
    running = [row for row in rows if row.job.state == RUNNING]
    if not done or not (ahead or running):
        return None
    usual = sum(done) / len(done)
    return (ahead * usual + sum(max(0.0, usual - row.seconds) for row in running)) / num_slots
