"""The jobs of a sweep: each is one run, from its plan to its end, as the ledger tells it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from diptych.runs.folder.status import DIVERGED, DONE, FAILED, LOST, PRUNED, RUNNING, STOPPED
from diptych.sweeps.ledger import Event

QUEUED = "queued"
STATES = (QUEUED, RUNNING, DONE, PRUNED, DIVERGED, FAILED, STOPPED, LOST)
ENDED_BADLY = (DIVERGED, FAILED, LOST)
UNFINISHED = (QUEUED, RUNNING, STOPPED, LOST)
"""States of jobs that a sweep's own command would go on with."""


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a sweep. `run_id` is its own for good: whatever happens, it goes on in its own folder.

    `threads` are those that its slot gave it when it was planned, if any. In a search it is of a `trial`, which tries
    `values`. `handle` is the executor's name for its latest start, in `slot`, at `since`; it `waits` while that stands
    in a cluster's queue. `progress` marks how far it was saved when that start ended, and `losses` counts how often it
    was lost in a row without getting any further.
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
    waits: bool = False
    progress: int = 0
    losses: int = 0


class Jobs:
    """Where every job stands after the events so far. `foreseen` is how many a search will make."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._jobs: dict[int, Job] = {}
        self.foreseen = 0
        for event in events:
            self.take_in(event)

    def __iter__(self) -> Iterator[Job]:
        """In the order of their numbers."""
        return iter([self._jobs[number] for number in sorted(self._jobs)])

    def __getitem__(self, number: int) -> Job:
        return self._jobs[number]

    def __len__(self) -> int:
        return len(self._jobs)

    def take_in(self, event: Event) -> None:
        """One more event; those that are about no job change nothing."""
        match event:
            case {"event": "planned", "job": int(number), "run_id": str(run_id), "arguments": [*arguments]}:
                of_search = (event.get("trial"), event.get("values", {}))
                self._jobs[number] = Job(number, run_id, tuple(arguments), event.get("threads"), *of_search)
            case {"event": "search", "runs": int(runs)}:
                self.foreseen = runs
            case {"event": "queued", "job": int(number)}:
                self._jobs[number] = replace(self._jobs[number], state=QUEUED, why="", losses=0)
            case {"event": "started", "job": int(number)}:
                self._jobs[number] = _started(self._jobs[number], event)
            case {"event": "waits", "job": int(number), "waits": bool(waits)}:
                self._jobs[number] = replace(self._jobs[number], waits=waits)
            case {"event": "ended", "job": int(number)}:
                self._jobs[number] = _ended(self._jobs[number], event)


def new_plans(jobs: Iterable[Job], plans: Iterable[Sequence[str]]) -> list[Sequence[str]]:
    """The plans that no job stands for yet; a plan that comes twice takes two jobs."""
    there = [job.arguments for job in jobs]
    new = []
    for plan in plans:
        if tuple(plan) in there:
            there.remove(tuple(plan))
        else:
            new.append(plan)
    return new


def plans_left(jobs: Iterable[Job], plans: Iterable[Sequence[str]]) -> list[Sequence[str]]:
    """The plans that are not over: those that no job stands for, and those whose job is unfinished."""
    return new_plans([job for job in jobs if job.state not in UNFINISHED], plans)


def _started(job: Job, event: Event) -> Job:
    owner = {name: event[name] for name in ("handle", "slot")}
    return replace(job, state=RUNNING, why="", starts=job.starts + 1, since=event["at"], waits=False, **owner)


def _ended(job: Job, event: Event) -> Job:
    progress = event["progress"]
    got_nowhere = event["state"] == LOST and progress == job.progress
    losses = job.losses + 1 if got_nowhere else 0
    return replace(job, state=event["state"], why=event["why"], waits=False, progress=progress, losses=losses)
