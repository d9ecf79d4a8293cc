"""The controller of a sweep: fills slots, notes how runs end, and restarts lost runs.

Its whole state is in the ledger and the run folders, so it may be killed at any moment, and the next controller resumes
the sweep.
"""

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from signal import SIGTERM
from typing import Any

from diptych.config.errors import UserError
from diptych.runs.folder.lock import LockHeld, is_locked, locked
from diptych.runs.folder.status import DONE, LOST, RUNNING, STOPPED, host_name, now, seconds_between
from diptych.runs.lifecycle.signals import Stopped, StopSignals
from diptych.sweeps.executors import Executor, Work
from diptych.sweeps.exit_status import End, exit_status_of, progress_of
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import QUEUED, Job, Jobs
from diptych.sweeps.ledger import NO_ROOM
from diptych.sweeps.planning import Planner, RunPlan, note_plan
from diptych.sweeps.slots import Slot
from diptych.sweeps.starts import Start

GIGABYTE = 2**30
ASK_AGAIN_SECONDS = 10.0
"""The wait before asking a run to stop again; the first signal may have come too early."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Policy:
    """When a sweep gives up.

    With `fail_fast` no run starts after a failure. A run without a sign of life for `hung_seconds` is killed and counts
    as lost. No run starts with less than `least_free_gb` free on the disk.
    """

    fail_fast: bool = False
    hung_seconds: float = 1800.0
    least_free_gb: float = 1.0

    def __post_init__(self) -> None:
        if self.hung_seconds <= 0:
            raise UserError(f"hydra.launcher.hung_seconds={self.hung_seconds:g}: give more than 0")


class Display:
    """Shows the sweep's status to people; this one shows nothing."""

    def show(self, jobs: Jobs) -> None:
        """Show the present state of every job."""

    def close(self) -> None:
        """End the display."""


@contextmanager
def exclusive_lock(folder: SweepFolder) -> Iterator[None]:
    """Hold the sweep's lock, with its ledger repaired."""
    try:
        with locked(folder.lock):
            folder.stop.unlink(missing_ok=True)
            folder.ledger.repair()
            yield
    except LockHeld:
        raise UserError(
            f"another process supervises sweep {folder.name}: wait for it, or `diptych sweep stop {folder.name}`"
        ) from None


class Controller:
    """Carries out the jobs of a sweep that `takes` says yes to; the caller holds its lock.

    What an earlier controller has left running is adopted in any case.
    """

    def __init__(
        self,
        folder: SweepFolder,
        executor: Executor,
        slots: Sequence[Slot],
        policy: Policy,
        display: Display,
        planner: Planner | None = None,
        takes: Callable[[Job], bool] = lambda job: True,
    ) -> None:
        self.folder, self.executor, self.policy, self.display = folder, executor, policy, display
        self.slots, self.takes = slots, takes
        self.planner = planner or Planner()
        self.jobs = folder.jobs()
        self._work: dict[int, Work] = {}
        self._expected: dict[int, str] = {}  # per job, since when signs of life are due
        self._waits_for_disk = False
        self._is_full = False

    def run(self) -> Jobs:
        """Run until nothing is left to do; `Stopped` after a request to stop, once every run has saved."""
        with StopSignals(deferred=True) as signals:
            signals.next = "asking every run to save and to stop"
            try:
                self._adopt()
                for job in self.jobs:
                    if job.state == STOPPED and self.takes(job):
                        self._note("queued", job)
                while self._step_or_wait():
                    signals.raise_if_received()
                    if self.folder.stop.exists():
                        raise Stopped(SIGTERM)
                    time.sleep(self.executor.look_every_seconds)
            except Stopped:
                self._stop_all()
                raise
            except Exception:
                if self._work:
                    log.error("%d runs go on alone; rerun the sweep's command to adopt them", len(self._work))
                raise
            finally:
                self.display.close()
        return self.jobs

    def stop(self) -> None:
        """Stop the runs that an earlier controller left running."""
        self._adopt()
        self._stop_all()

    def _adopt(self) -> None:
        """Adopt the running runs of an earlier controller, and note how the others ended."""
        for job in self.jobs:
            if job.state != RUNNING:
                continue
            work = self.executor.adopt(job.handle)
            if work is None:
                self._refuse_if_elsewhere(job)
                self._note_end(job, self.executor.end_of(job.handle))
            else:
                self._hold(job, work)

    def _refuse_if_elsewhere(self, job: Job) -> None:
        """`UserError` if another machine with the same folders is running the run."""
        run = self.folder.run_of(job)
        host = run.read_status().host if run is not None else ""
        if run is not None and self.executor.is_of_one_machine and host != host_name() and is_locked(run.lock):
            raise UserError(
                f"{job.run_id} of sweep {self.folder.name} is running on another machine ({host}): resume the sweep "
                "there, or stop it there first"
            )

    def _step_or_wait(self) -> bool:
        """One step; while the disk is full, the failed step is repeated."""
        try:
            goes_on, self._is_full = self._step(), False
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            if not self._is_full:
                log.warning("%s: waiting for room on the disk", error)
            goes_on = self._is_full = True
        return goes_on

    def _step(self) -> bool:
        """Check every run and start new ones; returns whether anything is left to wait for."""
        for number in list(self._work):
            self._look_at(self.jobs[number])
        self.planner.look(self.jobs)
        free = self._free_slots()
        waiting = self._waiting(len(free))
        self._start(list(zip(waiting, free, strict=False)))
        self.display.show(self.jobs)
        return bool(self._work or waiting or (self._waits_for_disk and self.planner.wants_more(self.jobs)))

    def _waiting(self, free: int) -> list[Job]:
        """Jobs to start, lost ones first; the planner adds jobs where slots would stay free."""
        if self.policy.fail_fast and any(job.state in self.planner.bad_ends for job in self.jobs):
            return []
        waiting = self._due()
        if len(waiting) < free:
            for plan in self.planner.plans(self.jobs, free - len(waiting)):
                self._plan(plan)
            waiting = self._due()
        return waiting

    def _plan(self, plan: RunPlan) -> None:
        self.jobs.apply(note_plan(self.folder.ledger, len(self.jobs), plan, self.slots[0].threads))

    def _due(self) -> list[Job]:
        return [job for state in (LOST, QUEUED) for job in self.jobs if job.state == state and self.takes(job)]

    def _free_slots(self) -> list[Slot]:
        """Free slots; none while the disk is full or while adopted runs fill the number of slots."""
        taken = {self.jobs[number].slot for number in self._work}
        free = [slot for slot in self.slots if slot.number not in taken]
        return free[: max(0, len(self.slots) - len(self._work))] if self._has_room() else []

    def _has_room(self) -> bool:
        free = shutil.disk_usage(self.folder.path).free / GIGABYTE
        least, waited = self.policy.least_free_gb, self._waits_for_disk
        self._waits_for_disk = free < least
        if self._waits_for_disk and not waited:
            log.warning("only %.1f GB are free on the disk: no run starts below %g GB", free, least)
        return not self._waits_for_disk

    def _start(self, due: Sequence[tuple[Job, Slot]]) -> None:
        starts = [Start(job, self.folder, slot) for job, slot in due if not self._needs_no_start(job, slot.number)]
        for start, work in zip(starts, self.executor.submit(starts) if starts else (), strict=False):
            self._take_up(start.job, work, start.slot.number)

    def _needs_no_start(self, job: Job, slot: int) -> bool:
        """Whether another process runs it, or somebody resumed it by hand to its end."""
        run = self.folder.run_of(job)
        if run is None or run.read_status().status != DONE:
            return self._is_begun_already(job, slot)
        self.folder.link(run)
        self._note("ended", job, code=None, state=DONE, why="", progress=progress_of(run))
        return True

    def _take_up(self, job: Job, work: Work, slot: int) -> None:
        self._note("started", job, handle=work.handle, slot=slot)
        self._hold(job, work)

    def _hold(self, job: Job, work: Work) -> None:
        self._work[job.number], self._expected[job.number] = work, now()

    def _look_at(self, job: Job) -> None:
        work = self._work[job.number]
        waits = work.waits()
        if waits != job.waits:
            self._note("waits", job, waits=waits)
        if waits:
            self._expected[job.number] = now()
            return
        run = self.folder.run_of(job)
        if run is not None:
            self.folder.link(run)
        if work.ended():
            self._note_end(job, work.end())
        elif self._is_hung(job):
            work.kill()

    def _is_hung(self, job: Job) -> bool:
        silent = self._silent_seconds(job)
        if silent > self.policy.hung_seconds:
            log.warning("%s has given no sign of life for %.0f s: the sweep kills it", job.run_id, silent)
        return silent > self.policy.hung_seconds

    def _silent_seconds(self, job: Job) -> float:
        """Seconds since the run's last sign of life, or since one was due if that is later."""
        run = self.folder.run_of(job)
        updated = run.read_status().updated if run is not None else ""
        return seconds_between(max(updated, self._expected[job.number]), now())

    def _is_begun_already(self, job: Job, slot: int) -> bool:
        """Whether another process runs the job already; if so, it is adopted.

        A supervisor that is killed after it starts a run and before it notes the start leaves such a process.
        """
        run = self.folder.run_of(job)
        status = run.read_status() if run is not None else None
        if status is None or status.status != RUNNING or status.handle == job.handle:
            return False
        work = self.executor.adopt(status.handle)
        if work is not None:
            self._take_up(job, work, slot)
        return work is not None

    def _note_end(self, job: Job, end: End) -> None:
        self._work.pop(job.number, None)
        if self._is_begun_already(job, job.slot):
            return
        run = self.folder.run_of(job)
        if run is not None:
            self.folder.link(run)
        exit_status = exit_status_of(job, run, end, self.folder.log_of(job))
        self._note("ended", job, code=end.code, **exit_status._asdict())

    def _note(self, event: str, job: Job, **values: Any) -> None:
        self.jobs.apply(self.folder.ledger.append(event, job=job.number, **values))

    def _stop_all(self) -> None:
        """Ask every run to save and stop, and wait for it; another signal kills them at once."""
        with StopSignals(deferred=True) as signals:
            signals.next = "killing the runs at once, without saving"
            asked = float("-inf")
            while self._work:
                if time.monotonic() - asked >= ASK_AGAIN_SECONDS:
                    for work in self._work.values():
                        work.stop()
                    asked = time.monotonic()
                for number, work in list(self._work.items()):
                    if work.ended():
                        self._note_end(self.jobs[number], work.end())
                    elif signals.received is not None or self._is_hung(self.jobs[number]):
                        work.kill()
                time.sleep(self.executor.look_every_seconds)
            self.display.show(self.jobs)
