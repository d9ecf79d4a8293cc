"""Sweeps of real, tiny runs in processes of their own, as somebody would type them."""

import os
import subprocess
import sys
import time
from pathlib import Path

from diptych.runs.status import RUNNING
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.local import LocalExecutor

CONF = Path(__file__).resolve().parent / "conf"
TINY = ["--config-dir", str(CONF), "model=tiny_gan", "data=digits", "tracking=csv", "trainer.threads=1"]
SLOW = "+callbacks.pause={_target_: tinyparts.Pause, seconds: 0.02}"


def environment() -> dict[str, str]:
    """Of processes that shall find the tiny parts, on one thread each."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(CONF.parent), str(CONF.parents[2] / "src"))),
        "OMP_NUM_THREADS": "1",
    }


def begin(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "diptych", "train", "-m", *TINY, *arguments]
    folder.mkdir(exist_ok=True)
    with (folder / "said.txt").open("a") as said:
        return subprocess.Popen(command, cwd=folder, env=environment(), stdout=said, stderr=said, text=True)


def sweep_in(folder: Path, name: str = "lr") -> SweepFolder:
    return SweepFolder(folder / "outputs" / "sweeps" / name, folder / "outputs")


def wait_for(condition, seconds: float = 90):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


def with_checkpoint(sweep: SweepFolder):
    """A job that runs and has saved."""
    for job in sweep.jobs() if sweep.ledger.path.exists() else ():
        run = sweep.run_of(job) if job.state == RUNNING else None
        if run and run.last.exists() and LocalExecutor().adopt(job.handle):
            return job
    return None
