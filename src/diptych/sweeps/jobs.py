"""The jobs of a sweep, as the ledger records them: each is one run, from plan to end."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from diptych.runs.folder.status import DIVERGED, DONE, FAILED, LOST, PRUNED, RUNNING, STOPPED
from diptych.sweeps.ledger import Event

QUEUED = "queued"
STATES = (QUEUED, RUNNING, DONE, PRUNED, DIVERGED, FAILED, STOPPED, LOST)
ENDED_BADLY = (DIVERGED, FAILED, LOST)
UNFINISHED = (QUEUED, RUNNING, STOPPED, LOST)
"""Jobs in these states run when the sweep is resumed."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a sweep. It keeps its `run_id`, and so its folder, whatever happens.

    `threads` is the number its slot gave it when it was planned. In a search it belongs to a `trial`, which tries
    `values`. `handle` is the executor's name for the latest start, which began at `since` in `slot` and ended at
    `ended` ("" before); the job `waits` while that start is in a cluster's queue. `progress` marks the newest
    checkpoint when the start ended, and `losses` counts the losses in a row without progress.
    """

    number: int
    run_id: str
    arguments: tuple[str, ...]
    threads: int | None = None
    trial: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    state: str = QUEUED
    why: str = ""
    starts: int = 0
    handle: str = ""
    slot: int = 0
    since: str = ""
    ended: str = ""
    waits: bool = False
    progress: int = 0
    losses: int = 0


class Jobs:
    """The state of every job after the events so far. `expected_runs` is the total of a search."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._jobs: dict[int, Job] = {}
        self.expected_runs = 0
        for event in events:
            self.apply(event)

    def __iter__(self) -> Iterator[Job]:
        """The jobs in the order of their numbers."""
        return iter([self._jobs[number] for number in sorted(self._jobs)])

    def __getitem__(self, number: int) -> Job:
        return self._jobs[number]

    def __len__(self) -> int:
        return len(self._jobs)

    def apply(self, event: Event) -> None:
        """Apply one event; unknown events change nothing."""
        match event:
            case {"event": "planned", "job": int(number), "run_id": str(run_id), "arguments": [*arguments]}:
                of_search = (event.get("trial"), event.get("values", {}))
                self._jobs[number] = Job(number, run_id, tuple(arguments), event.get("threads"), *of_search)
            case {"event": "search", "runs": int(runs)}:
                self.expected_runs = runs
            case {"event": "queued", "job": int(number)}:
                self._jobs[number] = replace(self._jobs[number], state=QUEUED, why="", losses=0)
            case {"event": "started", "job": int(number)}:
                self._jobs[number] = _started(self._jobs[number], event)
            case {"event": "waits", "job": int(number), "waits": bool(waits)}:
                self._jobs[number] = replace(self._jobs[number], waits=waits)
            case {"event": "ended", "job": int(number)}:
                self._jobs[number] = _ended(self._jobs[number], event)


def new_plans(jobs: Iterable[Job], plans: Iterable[Sequence[str]]) -> list[Sequence[str]]:
    """The plans without a job; a repeated plan takes two jobs."""
    there = [job.arguments for job in jobs]
    new = []
    for plan in plans:
        if tuple(plan) in there:
            there.remove(tuple(plan))
        else:
            new.append(plan)
    return new


def plans_left(jobs: Iterable[Job], plans: Iterable[Sequence[str]]) -> list[Sequence[str]]:
    """The plans that are left to run: those without a job and those whose job is unfinished."""
    return new_plans([job for job in jobs if job.state not in UNFINISHED], plans)


def _started(job: Job, event: Event) -> Job:
    owner = {name: event[name] for name in ("handle", "slot")}
    return replace(job, state=RUNNING, why="", starts=job.starts + 1, since=event["at"], ended="", waits=False, **owner)


def _ended(job: Job, event: Event) -> Job:
    progress = event["progress"]
    got_nowhere = event["state"] == LOST and progress == job.progress
    losses = job.losses + 1 if got_nowhere else 0
    known = {"state": event["state"], "why": event["why"], "ended": event.get("at", "")}
    return replace(job, **known, waits=False, progress=progress, losses=losses)
