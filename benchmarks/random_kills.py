"""Run a sweep while its runs and supervisor are killed at random: any moment, in validations, while saving."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import torch
from pytorch_lightning import Callback

from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import RUNNING
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Job
from diptych.sweeps.local import LocalExecutor, LocalWork

NAME, SUPERVISOR = "kills", "the supervisor"
SEEN, VALIDATING = "seen.txt", "validating"
MOST_LOSSES = 2
"""Losses of a run in a row without a checkpoint in between; a third one would make it a failure, as it should."""
MOMENTS = {"at any moment": None, "in a validation": VALIDATING, "writing a checkpoint": "checkpoints/*.partial"}
"""When a run is killed, and the files that exist at that moment."""
PAUSE_SECONDS = (5.0, 14.0)
"""The time between two kills."""
BUDGET, INTERVAL = 8000, 400
"""Images of a run (about thirty seconds on one core) and between two checkpoints."""
DCGAN = (
    *("model=dcgan", "data=digits", "tracking=csv", "callbacks.progress.quiet=true"),
    f"validate_every_images={INTERVAL}",
    *(f"callbacks.checkpoints.every_images={INTERVAL}", f"callbacks.metrics_log.every_images={INTERVAL}"),
    "hydra.launcher.threads_per_run=1",
)


class Witness(Callback):
    """Notes its run's progress; in the run with the seed `unlucky` it always raises in mid-training."""

    def __init__(self, *, seed: int, unlucky: int | None = None, images: int = 0) -> None:
        self.last_images = images if seed == unlucky else None

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        (Path(trainer.default_root_dir) / SEEN).write_text(str(pl_module.images_seen))
        if self.last_images is not None and pl_module.images_seen >= self.last_images:
            raise RuntimeError("this seed always fails")

    def on_validation_start(self, trainer, pl_module) -> None:
        (Path(trainer.default_root_dir) / VALIDATING).touch()

    def on_validation_end(self, trainer, pl_module) -> None:
        (Path(trainer.default_root_dir) / VALIDATING).unlink(missing_ok=True)


@dataclass
class Kill:
    """One killed process; for a run, its images seen and saved."""

    whom: str
    moment: str
    images: int = 0
    saved: int = 0
    second: float = 0.0

    def __str__(self) -> str:
        far = "" if self.whom == SUPERVISOR else f"{self.images:>6,} images seen, {self.saved:>6,} saved"
        return f"{self.second:7.1f} s  {self.whom:<23} {self.moment:<20} {far}"


def with_witness(unlucky: int | None = None, images: int = 0) -> str:
    """The override that adds the callback; the run with the seed `unlucky` raises after `images`."""
    last = f", unlucky: {unlucky}, images: {images}" if unlucky is not None else ""
    return f"+callbacks.witness={{_target_: random_kills.Witness, seed: '${{seed}}'{last}}}"


def begin(arguments: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start the sweep's command in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    with (folder / "said.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "diptych", "train", "-m", "--sweep", NAME, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            stdout=log,
            stderr=log,
        )


def sweep_in(folder: Path) -> SweepFolder:
    outputs = folder / "outputs"
    return SweepFolder(outputs / "sweeps" / NAME, outputs)


def undisturbed(arguments: Sequence[str], folder: Path) -> float:
    """Carry out the sweep; returns its seconds."""
    start = time.monotonic()
    begin(arguments, folder).wait()
    return time.monotonic() - start


def disturbed(
    arguments: Sequence[str],
    kills: int,
    folder: Path,
    rng: random.Random,
    pause_seconds: Sequence[float] = PAUSE_SECONDS,
) -> tuple[float, list[Kill]]:
    """Carry out the sweep with random kills; returns its seconds and the log of kills."""
    start, log = time.monotonic(), []
    controller = begin(arguments, folder)
    while controller.poll() is None:
        deadline = time.monotonic() + rng.uniform(*pause_seconds)
        while time.monotonic() < deadline and controller.poll() is None:
            time.sleep(0.05)
        if len(log) >= kills or controller.poll() is not None:
            continue
        kill = _kill_one(rng, controller, sweep_in(folder), log)
        if kill is not None:
            kill.second = time.monotonic() - start
            log.append(kill)
            print(kill, flush=True)
        if controller.poll() is not None:
            controller = begin(arguments, folder)
    return time.monotonic() - start, log


def summary(kills: Sequence[Kill]) -> str:
    """The numbers of kills, and the most images that one kill cost."""
    of_runs = sum(kill.whom != SUPERVISOR for kill in kills)
    repeated = most_repeated(kills)
    return (
        f"{len(kills)} kills: {of_runs} of runs, {len(kills) - of_runs} of the supervisor\n"
        f"images repeated after one kill: {repeated:,} at most (one checkpoint interval: {INTERVAL:,})"
    )


def most_repeated(kills: Sequence[Kill]) -> int:
    """The most images that a run repeated after one kill."""
    return max((kill.images - kill.saved for kill in kills), default=0)


def _kill_one(
    rng: random.Random, controller: subprocess.Popen[bytes], sweep: SweepFolder, log: Sequence[Kill]
) -> Kill | None:
    """Kill the supervisor or a run: at any moment, in a validation, or while it saves."""
    moment = rng.choice([SUPERVISOR, *MOMENTS])
    if moment == SUPERVISOR:
        controller.kill()
        controller.wait()
        return Kill(SUPERVISOR, "at any moment")
    living = [job for job in sweep.jobs() if _is_running(job) and not _is_spared(job, sweep, log)]
    if not living:
        return None
    job = rng.choice(living)
    has_come = _wait_for_moment(sweep, job, MOMENTS[moment])
    try:
        os.killpg(LocalWork(job.handle).pid, signal.SIGKILL)
    except ProcessLookupError:
        return None
    last = sweep.run_of(job)
    return Kill(job.run_id, moment if has_come else "at any moment", _seen_images(last), _saved_images(last))


def _is_running(job: Job) -> bool:
    return job.state == RUNNING and LocalExecutor().adopt(job.handle) is not None


def _is_spared(job: Job, sweep: SweepFolder, log: Sequence[Kill]) -> bool:
    """Whether another kill before the next checkpoint would fail the run."""
    mine = [kill.saved for kill in log if kill.whom == job.run_id][-MOST_LOSSES:]
    return len(mine) == MOST_LOSSES and set(mine) == {_saved_images(sweep.run_of(job))}


def _wait_for_moment(sweep: SweepFolder, job: Job, marks: str | None, patience_seconds: float = 15.0) -> bool:
    """Wait for a moment of the run's present start; returns whether it came in time."""
    deadline, begun = time.monotonic() + patience_seconds, datetime.fromisoformat(job.since).timestamp()
    while marks and time.monotonic() < deadline and _is_running(job):
        run = sweep.run_of(job)
        if run and any(_born(mark) > begun for mark in run.path.glob(marks)):
            return True
    return not marks


def _born(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:  # the moment is over
        return 0.0


def _seen_images(run: RunFolder | None) -> int:
    """The images that a killed run had seen."""
    noted = run.path / SEEN if run else None
    return int(noted.read_text() or 0) if noted and noted.exists() else 0


def _saved_images(run: RunFolder | None) -> int:
    """The images of the checkpoint that the run will resume from."""
    return torch.load(run.last, weights_only=True)["images_seen"] if run and run.last.exists() else 0
