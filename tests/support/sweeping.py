"""Sweeps of tiny runs, started by the real command in folders of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import torch

from diptych.runs.folder.status import RUNNING
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Job
from diptych.sweeps.local import LocalExecutor, LocalWork

CONF = Path(__file__).resolve().parent / "conf"
TINY = ["--config-dir", str(CONF), "model=tiny_gan", "data=digits", "tracking=csv", "trainer.threads=1"]
SLOW = "+callbacks.pause={_target_: tinyparts.Pause, seconds: 0.02}"
SUPERVISORS: list[subprocess.Popen[str]] = []


def environment_of_sweeps() -> dict[str, str]:
    """Our environment, with the tests' own parts on the path."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(CONF.parent), str(CONF.parents[2] / "src"))),
        "OMP_NUM_THREADS": "1",
    }


def begin(
    arguments: list[str], folder: Path, environment: dict[str, str], terminal: int | None = None
) -> subprocess.Popen[str]:
    """Start the sweep's command, in a terminal if its file descriptor is given."""
    command = [sys.executable, "-m", "diptych", "train", "-m", *TINY, *arguments]
    folder.mkdir(exist_ok=True)
    with (folder / "said.txt").open("a") as file:
        said = file if terminal is None else terminal
        takes_it = None if terminal is None else partial(os.login_tty, terminal)
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=said, stderr=said, text=True, preexec_fn=takes_it
        )
    SUPERVISORS.append(process)
    return process


def end_supervisors() -> None:
    """Kill all supervisors."""
    while SUPERVISORS:
        process = SUPERVISORS.pop()
        process.kill()
        process.wait()


def sweep_in(folder: Path, name: str = "lr") -> SweepFolder:
    return SweepFolder(folder / "outputs" / "sweeps" / name, folder / "outputs")


def wait_for(condition, seconds: float = 90):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "timeout"
        time.sleep(0.02)
    return found


def with_checkpoint(sweep: SweepFolder):
    """A running job with a checkpoint; None if there is none."""
    for job in sweep.jobs() if sweep.ledger.path.exists() else ():
        run = sweep.run_of(job) if job.state == RUNNING else None
        if run and run.last.exists() and LocalExecutor().adopt(job.handle):
            return job
    return None


def run_and_supervisor_killed(
    arguments: list[str], folder: Path, environment: dict[str, str]
) -> tuple[SweepFolder, Job]:
    """Kill a run that has saved, and after its restart the supervisor; returns the sweep and the run's job."""
    controller, sweep = begin(arguments, folder, environment), sweep_in(folder)
    victim = wait_for(lambda: with_checkpoint(sweep))
    os.killpg(LocalWork(victim.handle).pid, signal.SIGKILL)
    wait_for(lambda: sweep.jobs()[victim.number].starts == 2)
    controller.kill()
    controller.wait()
    return sweep, victim


def weights(sweep: SweepFolder) -> list[dict[str, torch.Tensor]]:
    """The weights of each run, in the order of the jobs."""
    return [torch.load(sweep.run_of(job).last, weights_only=True)["state_dict"] for job in sweep.jobs()]


def asked(arguments: list[str], folder: Path, environment: dict[str, str]) -> dict:
    command = [sys.executable, "-m", "diptych", "sweep", *arguments]
    return json.loads(subprocess.check_output(command, cwd=folder, env=environment, text=True, timeout=120))
