"""What a sweep is to run: plans known from the beginning, or made one after the other by a planner."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diptych.config.resolvers import timed_id
from diptych.runs.folder.status import DIVERGED, FAILED
from diptych.sweeps.jobs import Jobs
from diptych.sweeps.ledger import Event, Ledger


@dataclass(frozen=True)
class Plan:
    """The arguments of `diptych train` for one run; with those of a search, its trial and the values it tries."""

    arguments: tuple[str, ...]
    trial: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


class Planner:
    """Where further plans come from while a sweep is under way; this one has none.

    A job that ends in one of `bad_ends` ends a sweep that is to fail fast.
    """

    bad_ends: tuple[str, ...] = (FAILED, DIVERGED)

    def look(self, jobs: Jobs) -> None:
        """Called again and again, with where every job stands."""

    def plans(self, jobs: Jobs, free: int) -> list[Plan]:
        """Up to `free` further runs; asked whenever a slot is free and no job waits for it."""
        return []

    def wants_more(self, jobs: Jobs) -> bool:
        """Whether there would be further runs, were there room for them."""
        return False

    def summary(self) -> list[str]:
        """Lines on what came of it, once the sweep is over."""
        return []

    def why_in_vain(self) -> str:
        """Why nothing came of the whole, though its runs may be done; "" where something did."""
        return ""


def note_plan(ledger: Ledger, number: int, plan: Plan, threads: int | None) -> Event:
    """The plan becomes a job, with the id of a run to come."""
    of_trial = {} if plan.trial is None else {"trial": plan.trial, "values": dict(plan.values)}
    run = {"run_id": timed_id(), "arguments": list(plan.arguments), "threads": threads}
    return ledger.append("planned", job=number, **run, **of_trial)
