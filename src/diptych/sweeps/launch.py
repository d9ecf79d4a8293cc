"""Begin a sweep, or go on with one: what the launcher, commands and Python call."""

import logging
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diptych.config.resolvers import timed_id
from diptych.runs import environment
from diptych.runs.status import DONE
from diptych.sweeps.controller import Controller, Policy, in_hand
from diptych.sweeps.executors import LocalExecutor
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Jobs, new_plans
from diptych.sweeps.slots import Machine, Resources, Slot, slots_of
from diptych.sweeps.views import view_of
from diptych.tracking.offline import command_to_send, put_aside_empty

log = logging.getLogger(__name__)


class SweepFailed(RuntimeError):
    """At least one run of a sweep did not end well."""


@dataclass(frozen=True)
class Request:
    """What a sweep is asked to do: `plans` are the arguments of `diptych train`, one list a run."""

    plans: Sequence[Sequence[str]]
    resources: Resources = field(default_factory=Resources)
    policy: Policy = field(default_factory=Policy)


def launch(request: Request, folder: SweepFolder) -> Jobs:
    """Carry out every plan that is not done yet; `SweepFailed` at the end if any run did not end well."""
    folder.path.mkdir(parents=True, exist_ok=True)
    slots = slots_of(request.resources, Machine.here())
    with in_hand(folder):
        _plan(request, folder, slots)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        jobs = Controller(folder, LocalExecutor(), slots, request.policy, view_of(folder, len(slots))).run()
    put_aside_empty(folder.path, runs="*")
    sending = command_to_send(folder.path, runs="*")
    if sending:
        log.info("W&B was recorded offline; to send the whole sweep:\n%s", sending)
    failed = [job for job in jobs if job.state != DONE]
    if failed:
        names = ", ".join(f"{job.run_id} ({job.state})" for job in failed[:5]) + (" …" if len(failed) > 5 else "")
        raise SweepFailed(
            f"{len(failed)} of {len(jobs)} runs are not done: {names}\n"
            f"diptych sweep status {folder.name} says why; diptych sweep retry {folder.name} tries them again"
        )
    return jobs


def _plan(request: Request, folder: SweepFolder, slots: Sequence[Slot]) -> None:
    """Note what is new in this call; jobs that the sweep has already keep their numbers and their runs."""
    jobs = folder.jobs()
    new = new_plans(jobs, request.plans)
    folder.write_request(_described(request, slots))
    for number, plan in enumerate(new, start=len(jobs)):
        run = {"run_id": timed_id(), "arguments": list(plan), "threads": slots[0].threads}
        folder.ledger.append("planned", job=number, **run)
    if len(jobs):
        log.info("sweep %s goes on: %d runs of before, %d new ones", folder.name, len(jobs), len(new))


def _described(request: Request, slots: Sequence[Slot]) -> Mapping[str, Any]:
    code = environment.code_version(Path(__file__).parent)
    return {
        "command": [*sys.argv[0].rpartition("/")[2].split(), *sys.argv[1:]],
        "runs": len(request.plans),
        "slots": [{"gpus": list(slot.gpus), "threads": slot.threads} for slot in slots],
        "policy": {name: getattr(request.policy, name) for name in ("fail_fast", "hung_seconds", "least_free_gb")},
        "commit": code["commit"],
        "dirty": code["dirty"],
    }
