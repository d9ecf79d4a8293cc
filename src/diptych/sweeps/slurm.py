"""The SLURM executor: runs are jobs that submitit submits, several at once as one array.

A job is known by its id alone, so it outlives the supervisor. `squeue` gives its state, also for some minutes after its
end, and needs no accounting. A requeued job keeps its id and resumes from the run's checkpoint.
"""

import logging
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diptych.config.errors import UserError
from diptych.runs.folder.status import FAILED, STOPPED
from diptych.sweeps.exit_status import End
from diptych.sweeps.slots import Slot
from diptych.sweeps.slurm_node import OnNode
from diptych.sweeps.starts import Start

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol")
MOST_IN_AN_ARRAY = 1000
"""SLURM's own default limit (MaxArraySize)."""
ASK_AGAIN_SECONDS = 60.0
"""The wait after SLURM refuses a job because the user's limit is reached."""
OVER = (
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "TIMEOUT",
)
WAITING = (
    "PENDING",
    "REQUEUED",
    "REQUEUE_HOLD",
    "REQUEUE_FED",
    "SPECIAL_EXIT",
    "CONFIGURING",
    "RESV_DEL_HOLD",
    "SUSPENDED",
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SlurmSettings:
    """The resources of every job of a sweep; the cluster chooses where a value is None.

    `array_parallelism` is the number of an array's jobs at a time. A job gets the signal to save `signal_delay_s`
    before its time limit (SLURM may send it a minute earlier). `setup` are lines of shell before the run begins, and
    `additional_parameters` are further options of sbatch, without their dashes.
    """

    partition: str | None
    account: str | None
    qos: str | None
    constraint: str | None
    timeout_min: int
    cpus_per_task: int
    gpus_per_node: int | None
    mem_gb: float | None
    array_parallelism: int
    signal_delay_s: int
    setup: Sequence[str]
    additional_parameters: Mapping[str, Any]

    def __post_init__(self) -> None:
        for name in ("timeout_min", "cpus_per_task", "array_parallelism"):
            if getattr(self, name) < 1:
                raise UserError(f"hydra.launcher.{name}={getattr(self, name)}: give 1 or more")
        if self.signal_delay_s >= 60 * self.timeout_min:
            raise UserError(
                f"hydra.launcher.signal_delay_s={self.signal_delay_s}: a job of timeout_min={self.timeout_min} would "
                "get the signal to save before it begins; lower signal_delay_s or raise timeout_min"
            )


@dataclass
class SlurmWork:
    """A job, or an element of an array, by its id."""

    handle: str
    executor: "SlurmExecutor"
    killed: bool = False

    def ended(self) -> bool:
        return self.executor.state_of(self.handle) in ("", *OVER)

    def waits(self) -> bool:
        return self.executor.state_of(self.handle) in WAITING

    def end(self) -> End:
        return End(why="killed by the supervisor") if self.killed else self.executor.end_of(self.handle)

    def stop(self) -> None:
        """Send SIGINT, since SLURM itself uses SIGTERM to preempt; cancel a job that waits."""
        _ask("scancel", "--state=PENDING", self.handle)
        _ask("scancel", "--signal=INT", "--state=RUNNING", self.handle)

    def kill(self) -> None:
        self.killed = True
        _ask("scancel", self.handle)


class SlurmExecutor:
    """Submits starts and follows jobs by their ids. `num_slots` limits the jobs in SLURM's queue.

    Without settings it can only adopt jobs and stop them.
    """

    look_every_seconds = 2.0
    is_of_one_machine = False

    def __init__(self, settings: SlurmSettings | None = None, num_slots: int = MOST_IN_AN_ARRAY) -> None:
        self._settings, self.num_slots = settings, num_slots
        self.parallelism: int | None = settings.array_parallelism if settings else None
        self._states: dict[str, str] = {}
        self._asked = float("-inf")
        self._has_submitted, self._was_refused, self._refused_at = False, False, float("-inf")

    @property
    def settings(self) -> SlurmSettings:
        """The settings of the jobs that it submits."""
        assert self._settings is not None
        return self._settings

    @property
    def description(self) -> Mapping[str, Any]:
        return {"kind": "submitit_slurm"}

    def check(self) -> None:
        _submitit()
        missing = [command for command in COMMANDS if shutil.which(command) is None]
        if missing:
            raise UserError(f"hydra/launcher=submitit_slurm: no SLURM here (no {', '.join(missing)} in PATH)")

    def slots(self) -> Sequence[Slot]:
        return [Slot(number, threads=self.settings.cpus_per_task) for number in range(self.num_slots)]

    def submit(self, starts: Sequence[Start]) -> Sequence[SlurmWork]:
        if time.monotonic() - self._refused_at < ASK_AGAIN_SECONDS:
            return []
        try:
            handles = self._submitted(starts)
        except (RuntimeError, OSError) as error:  # submitit raises these when sbatch refuses
            if not self._has_submitted:
                raise UserError(f"SLURM refuses the jobs of this sweep: {error}") from error
            if not self._was_refused:
                log.warning("SLURM takes no job at the moment; the sweep asks again every minute: %s", error)
            self._was_refused, self._refused_at = True, time.monotonic()
            return []
        self._has_submitted, self._was_refused = True, False
        self._states |= dict.fromkeys(handles, "PENDING")
        return [SlurmWork(handle, self) for handle in handles]

    def adopt(self, handle: str) -> SlurmWork | None:
        work = SlurmWork(handle, self)
        return None if work.ended() else work

    def end_of(self, handle: str) -> End:
        """A job that a person cancelled is stopped; a job that SLURM ended is lost and may resume."""
        match self.state_of(handle):
            case "CANCELLED":
                return End(state=STOPPED, why="cancelled in SLURM")
            case "OUT_OF_MEMORY":
                return End(state=FAILED, why="SLURM: out of memory; raise hydra.launcher.mem_gb")
            case "FAILED" | "COMPLETED" as state:
                return End(_exit_code(handle), why=f"SLURM: {state.lower()}")
            case state:
                return End(why=f"SLURM: {state.lower().replace('_', ' ')}" if state else "")

    def state_of(self, handle: str) -> str:
        """SLURM's name of the job's state; "" if SLURM has forgotten the job."""
        if time.monotonic() - self._asked >= self.look_every_seconds:
            self._look()
        return self._states.get(handle, "")

    def _look(self) -> None:
        """Query all jobs at once. If SLURM does not answer, the known states stay."""
        answer = _ask("squeue", "--me", "--array", "--states=all", "--noheader", "--format=%i %T")
        if answer is not None:
            self._states = dict(line.split()[:2] for line in answer.splitlines() if line.strip())
        elif not self._states:
            raise UserError("squeue does not answer here: resume this sweep on a machine with SLURM's commands")
        self._asked = time.monotonic()

    def _submitted(self, starts: Sequence[Start]) -> list[str]:
        submitter = self._submitter(starts[0])
        if len(starts) == 1:
            return [submitter.submit(OnNode(starts[0])).job_id]
        return [job.job_id for job in submitter.submit_array([OnNode(start) for start in starts])]

    def _submitter(self, start: Start) -> Any:
        settings = self.settings
        submitter = _submitit().SlurmExecutor(folder=(start.folder.path / "slurm").absolute())
        options = {
            "partition": settings.partition,
            "account": settings.account,
            "qos": settings.qos,
            "constraint": settings.constraint,
            "gpus_per_node": settings.gpus_per_node,
            "mem": settings.mem_gb and f"{round(settings.mem_gb * 1024)}MB",
            "setup": list(settings.setup) or None,
        }
        submitter.update_parameters(
            job_name=f"diptych-{start.folder.name}",
            time=settings.timeout_min,
            cpus_per_task=settings.cpus_per_task,
            ntasks_per_node=1,
            array_parallelism=settings.array_parallelism,
            signal_delay_s=settings.signal_delay_s,
            srun_args=[f"--cpus-per-task={settings.cpus_per_task}"],  # srun no longer inherits it
            additional_parameters={"requeue": True, **settings.additional_parameters},
            **{name: value for name, value in options.items() if value is not None},
        )
        return submitter


def _submitit() -> Any:
    try:
        import submitit  # pyright: ignore[reportMissingImports]  # an extra
    except ImportError:
        raise UserError("hydra/launcher=submitit_slurm needs submitit: pip install 'diptych[slurm]'") from None
    return submitit


def _exit_code(handle: str) -> int | None:
    """The exit code, negative for a signal; None if SLURM has forgotten the job."""
    answer = _ask("scontrol", "show", "job", "--oneliner", handle)
    found = re.search(r"\bExitCode=(\d+):(\d+)", answer or "")
    if found is None:
        return None
    code, signum = int(found[1]), int(found[2])
    if signum or code in (
        128 + signal.SIGKILL,
        128 + signal.SIGSEGV,
        128 + signal.SIGBUS,
    ):  # as srun reports it
        return -(signum or code - 128)
    return code


def _ask(*command: str) -> str | None:
    """The output of a SLURM command; None if it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        log.debug("%s: %s", " ".join(command), getattr(error, "stderr", None) or error)
        return None
