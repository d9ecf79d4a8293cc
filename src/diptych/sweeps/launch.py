"""Start or resume a sweep; the launcher, the commands and Python call this."""

import logging
import signal
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.config.errors import UserError
from diptych.runs.folder import environment
from diptych.runs.folder.status import DIVERGED, DONE, PRUNED, RUNNING
from diptych.sweeps.control import executor_of
from diptych.sweeps.controller import Controller, Display, Policy, exclusive_lock
from diptych.sweeps.display import display_for
from diptych.sweeps.executors import Executor, at_a_time
from diptych.sweeps.folder import FOLDER_KEY, SweepFolder, folder_override
from diptych.sweeps.jobs import Job, Jobs, new_plans
from diptych.sweeps.planning import RunPlan, note_plan
from diptych.sweeps.request import SweepRequest
from diptych.sweeps.slots import Slot
from diptych.tracking.offline import command_to_send, put_aside_empty

if TYPE_CHECKING:
    from diptych.sweeps.search.request import Search

log = logging.getLogger(__name__)


class SweepFailed(RuntimeError):
    """A run of the sweep did not finish, or no trial of a search has a figure."""


def launch(request: SweepRequest, folder: SweepFolder, executor: Executor) -> Jobs:
    """Carry out every plan that is not done; `SweepFailed` at the end if a run did not finish."""
    executor.check()
    folder.path.mkdir(parents=True, exist_ok=True)
    slots = executor.slots()
    with exclusive_lock(folder):
        _leave_earlier_executor(folder, executor)
        planner = request.planner(folder)
        if request.search is not None:
            _note_search(request.search, folder)
        _plan(request, folder, executor, slots)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        display = display_for(folder, at_a_time(executor, slots))
        jobs = Controller(folder, executor, slots, request.policy, display, planner, request.takes).run()
    for line in [*planner.summary(), *_how_to_send(folder)]:
        log.info("%s", line)
    _refuse_failures(folder, [job for job in jobs if request.takes(job)])
    if why := planner.why_no_result():
        raise SweepFailed(f"no trial of sweep {folder.name} has a figure: {why}")
    return jobs


def _refuse_failures(folder: SweepFolder, jobs: Sequence[Job]) -> None:
    """`SweepFailed` if a run did not finish; runs of a search may also be pruned or diverge."""
    failed = [
        job for job in jobs if job.state != DONE and not (job.trial is not None and job.state in (PRUNED, DIVERGED))
    ]
    if failed:
        names = ", ".join(f"{job.run_id} ({job.state})" for job in failed[:5]) + (" …" if len(failed) > 5 else "")
        raise SweepFailed(
            f"{len(failed)} of {len(jobs)} runs are not done: {names}\n"
            f"diptych sweep status {folder.name} shows why; diptych sweep retry {folder.name} queues them again"
        )


def _leave_earlier_executor(folder: SweepFolder, executor: Executor) -> None:
    """Note how the runs of an earlier launcher ended; `UserError` while any of them is running."""
    earlier = executor_of(folder)
    begun = [job for job in folder.jobs() if job.state == RUNNING]
    if not begun or dict(earlier.description) == dict(executor.description):
        return
    running = [job for job in begun if earlier.adopt(job.handle) is not None]
    if running:
        names = ", ".join(job.run_id for job in running[:5]) + (" …" if len(running) > 5 else "")
        raise UserError(
            f"sweep {folder.name} has runs with another launcher ({names}; {_override_of(earlier)}): wait for them, "
            f" or `diptych sweep stop {folder.name}`, before you use {_override_of(executor)}"
        )
    Controller(folder, earlier, (), Policy(), Display()).stop()


def _override_of(executor: Executor) -> str:
    """The overrides that choose the executor."""
    address = executor.description.get("address")
    return f"hydra/launcher={executor.description['kind']}" + (f" hydra.launcher.address={address}" if address else "")


def _plan(request: SweepRequest, folder: SweepFolder, executor: Executor, slots: Sequence[Slot]) -> None:
    """Note the new plans of this call; existing jobs keep their numbers and runs."""
    jobs = folder.jobs()
    new = new_plans(jobs, request.plans)
    folder.write_request(_described(request, folder, executor, slots))
    for number, plan in enumerate(new, start=len(jobs)):
        note_plan(folder.ledger, number, RunPlan(tuple(plan)), slots[0].threads)
    earlier = sum(map(request.takes, jobs))
    if earlier:
        log.info("sweep %s resumes: %d earlier runs, %d new ones", folder.name, earlier, len(new))


def _note_search(search: "Search", folder: SweepFolder) -> None:
    folder.ledger.append("search", runs=search.n_trials * search.runs_per_trial, **search.describe())


def _how_to_send(folder: SweepFolder) -> list[str]:
    """The command that sends W&B's offline records, if there are any."""
    put_aside_empty(folder.path, runs="*")
    sending = command_to_send(folder.path, runs="*")
    return [f"W&B recorded offline; to send the whole sweep:\n{sending}"] if sending else []


def _command_again(folder: SweepFolder) -> list[str]:
    """The command that resumes the sweep: the present one, with the sweep's name added."""
    words = [*sys.argv[0].rpartition("/")[2].split(), *sys.argv[1:]]
    words = [word for word in words if word != folder_override(folder.name)]
    if any(word.startswith(FOLDER_KEY) for word in words):
        return words  # the user chose the folder
    return [*words[:2], "--sweep", folder.name, *words[2:]]


def _slot_groups(slots: Sequence[Slot]) -> list[dict[str, Any]]:
    """Equal slots in one entry."""
    counted = Counter((slot.gpus, slot.threads) for slot in slots)
    return [{"number": n, "gpus": list(gpus), "threads": threads} for (gpus, threads), n in counted.items()]


def _described(
    request: SweepRequest, folder: SweepFolder, executor: Executor, slots: Sequence[Slot]
) -> Mapping[str, Any]:
    code = environment.code_version(Path(__file__).parent)
    return {
        "command": list(request.command) or _command_again(folder),
        "runs": request.search.n_trials if request.search else len(request.plans),
        "executor": dict(executor.description),
        "slots": _slot_groups(slots),
        "at_a_time": at_a_time(executor, slots),
        "policy": {name: getattr(request.policy, name) for name in ("fail_fast", "hung_seconds", "least_free_gb")},
        "commit": code["commit"],
        "dirty": code["dirty"],
    }
