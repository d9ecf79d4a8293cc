"""Plans of runs: a grid knows all of them at the start, a planner makes them one by one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diptych.config.ids import timed_id
from diptych.runs.folder.status import DIVERGED, FAILED
from diptych.sweeps.jobs import Jobs
from diptych.sweeps.ledger import Event, Ledger


@dataclass(frozen=True)
class RunPlan:
    """The arguments of `diptych train` for one run; in a search also its trial and values."""

    arguments: tuple[str, ...]
    trial: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


class Planner:
    """Makes further plans while a sweep runs; this one makes none.

    With `fail_fast`, a job that ends in one of `bad_ends` ends the sweep.
    """

    bad_ends: tuple[str, ...] = (FAILED, DIVERGED)

    def look(self, jobs: Jobs) -> None:
        """Called at every step of the controller."""

    def plans(self, jobs: Jobs, free: int) -> list[RunPlan]:
        """Up to `free` further runs; called when a slot is free and no job waits."""
        return []

    def wants_more(self, jobs: Jobs) -> bool:
        """Whether the planner would plan more runs if there were room."""
        return False

    def summary(self) -> list[str]:
        """Lines on the result, once the sweep has ended."""
        return []

    def why_no_result(self) -> str:
        """Why there is no result, though runs may be done; "" if there is one."""
        return ""


def note_plan(ledger: Ledger, number: int, plan: RunPlan, threads: int | None) -> Event:
    """Note the plan as a job, with the id of its future run."""
    of_trial = {} if plan.trial is None else {"trial": plan.trial, "values": dict(plan.values)}
    run = {"run_id": timed_id(), "arguments": list(plan.arguments), "threads": threads}
    return ledger.append("planned", job=number, **run, **of_trial)
