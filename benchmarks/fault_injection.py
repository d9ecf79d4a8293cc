"""A sweep under fire: `python benchmarks/fault_injection.py [--runs 24 --kills 20]`, about twenty minutes on two cores.

The same grid of short trainings is carried out twice, in two slots of one thread: undisturbed, and while runs and their
supervisor are killed (SIGKILL) at random moments and in the middle of writing a checkpoint. Whenever the supervisor
is killed, the same command is typed again. One run of the grid always raises. At the end, every other run is done
once, with the weights of the undisturbed one to the last bit, and what was repeated is counted.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from pytorch_lightning import Callback

from diptych.runs.folder import RunFolder
from diptych.runs.status import DONE, FAILED, RUNNING
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Job
from diptych.sweeps.local import LocalExecutor, LocalWork
from diptych.tracking import read_metrics

INTERVAL, BUDGET = 400, 4000
SEEN = "seen.txt"
UNLUCKY = 5
NAME, SUPERVISOR = "grid", "the supervisor"


class Unlucky(Callback):
    """Raises in mid-training in the run with one seed, however often it is tried; notes how far every run has come."""

    def __init__(self, *, seed: int, unlucky: int) -> None:
        self.is_unlucky = seed == unlucky

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        (Path(trainer.default_root_dir) / SEEN).write_text(str(pl_module.images_seen))
        if self.is_unlucky and pl_module.images_seen >= BUDGET // 2:
            raise RuntimeError("this seed never ends well")


@dataclass
class Kill:
    """One process that was killed; of a run, how far it had come, and what it had saved."""

    second: float
    whom: str
    moment: str
    images: int = 0
    saved: int = 0


def command(runs: int) -> list[str]:
    seeds = ",".join(map(str, range(runs)))
    unlucky = f"+callbacks.unlucky={{_target_: fault_injection.Unlucky, seed: '${{seed}}', unlucky: {UNLUCKY}}}"
    return [
        *("train", "--sweep", NAME, "model=dcgan", "data=digits", "tracking=csv", f"seed={seeds}", unlucky),
        *(f"budget_images={BUDGET}", f"validate_every_images={INTERVAL}", "callbacks.progress.quiet=true"),
        *(f"callbacks.checkpoints.every_images={INTERVAL}", f"callbacks.metrics_log.every_images={INTERVAL}"),
        "hydra.launcher.threads_per_run=1",
    ]


def begin(runs: int, folder: Path) -> subprocess.Popen[bytes]:
    """The sweep's command, typed (again) in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    with (folder / "said.txt").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "diptych", *command(runs)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            stdout=said,
            stderr=said,
        )


def undisturbed(runs: int, folder: Path) -> float:
    start = time.monotonic()
    begin(runs, folder).wait()
    return time.monotonic() - start


def disturbed(runs: int, kills: int, folder: Path, rng: random.Random) -> tuple[float, list[Kill]]:
    """Carry the sweep out under fire, and the log of who was killed when."""
    start, log = time.monotonic(), []
    controller = begin(runs, folder)
    pause = (12.0, 25.0)
    while controller.poll() is None:
        deadline = time.monotonic() + rng.uniform(*pause)
        while time.monotonic() < deadline and controller.poll() is None:
            time.sleep(0.05)
        if len(log) >= kills or controller.poll() is not None:
            continue
        kill = struck(rng, controller, sweep_in(folder), time.monotonic() - start)
        if kill is not None:
            log.append(kill)
            print(line(kill), flush=True)
        if controller.poll() is not None:
            controller = begin(runs, folder)
    return time.monotonic() - start, log


def line(kill: Kill) -> str:
    far = "" if kill.whom == SUPERVISOR else f"{kill.images:>6,} images seen, {kill.saved:>6,} saved"
    return f"{kill.second:7.1f} s  {kill.whom:<23} {kill.moment:<20} {far}"


def struck(rng: random.Random, controller: subprocess.Popen[bytes], sweep: SweepFolder, second: float) -> Kill | None:
    """Kill the supervisor, a run at any moment, or a run that is writing a checkpoint."""
    kind = rng.choices(["controller", "any", "saving"], [3, 4, 3])[0]
    if kind == "controller":
        controller.kill()
        controller.wait()
        return Kill(second, SUPERVISOR, "at any moment")
    living = [job for job in sweep.jobs() if job.state == RUNNING and LocalExecutor().adopt(job.handle)]
    if not living:
        return None
    job = rng.choice(living)
    moment = "writing a checkpoint" if kind == "saving" and is_saving(sweep, job) else "at any moment"
    run = sweep.run_of(job)
    try:
        os.killpg(LocalWork(job.handle).pid, signal.SIGKILL)
    except ProcessLookupError:
        return None
    return Kill(second, job.run_id, moment, seen_images(run), saved_images(run)) if run else None


def seen_images(run: RunFolder) -> int:
    """How far a run had come, which nobody tells any more."""
    noted = run.path / SEEN
    return int(noted.read_text() or 0) if noted.exists() else 0


def saved_images(run: RunFolder) -> int:
    """Where it will go on."""
    return torch.load(run.last, weights_only=True)["images_seen"] if run.last.exists() else 0


def is_saving(sweep: SweepFolder, job: Job, patience_seconds: float = 15.0) -> bool:
    """Wait until the run writes a checkpoint, for a while."""
    deadline = time.monotonic() + patience_seconds
    while time.monotonic() < deadline and LocalExecutor().adopt(job.handle):
        run = sweep.run_of(job)
        if run and any(run.checkpoints.glob("*.partial")):
            return True
    return False


def sweep_in(folder: Path) -> SweepFolder:
    outputs = folder / "outputs"
    return SweepFolder(outputs / "sweeps" / NAME, outputs)


def pairs(calm: SweepFolder, stormy: SweepFolder) -> Iterator[tuple[Job, RunFolder, RunFolder]]:
    """Each job under fire, with its run and the undisturbed one."""
    of_arguments = {job.arguments: job for job in calm.jobs()}
    for job in stormy.jobs():
        here, there = stormy.run_of(job), calm.run_of(of_arguments[job.arguments])
        assert here is not None
        assert there is not None
        yield job, here, there


def same_weights(one: RunFolder, other: RunFolder) -> bool:
    states = [torch.load(run.last, weights_only=True)["state_dict"] for run in (one, other)]
    return all(torch.equal(states[0][name], states[1][name]) for name in states[1])


def same_rows(one: RunFolder, other: RunFolder) -> bool:
    return figures(one) == figures(other)


def figures(run: RunFolder) -> list[dict[str, float]]:
    """All rows but for their times."""
    return [{k: v for k, v in row.items() if "second" not in k} for row in read_metrics(run.metrics)]


def report(calm: SweepFolder, stormy: SweepFolder, kills: Sequence[Kill], seconds: Sequence[float]) -> None:
    jobs = list(stormy.jobs())
    done = [(job, *runs) for job, *runs in pairs(calm, stormy) if job.state == DONE]
    failed = [job for job in jobs if job.state == FAILED]
    of_runs = sum(kill.whom != SUPERVISOR for kill in kills)
    print(f"\n{len(kills)} kills: {of_runs} of runs, {len(kills) - of_runs} of the supervisor")
    print(f"runs: {len(jobs)}; done {len(done)}, failed {len(failed)} (asked: {len(jobs) - 1} and 1)")
    print(f"runs begun under another name: {sum(1 for _ in stormy.outputs.glob('dcgan_digits/*/')) - len(jobs)}")
    print(f"weights equal to the undisturbed run's, bit for bit: {sum(same_weights(*runs) for _, *runs in done)}")
    print(f"rows of metrics.csv equal: {sum(same_rows(*runs) for _, *runs in done)}")
    repeated = max((kill.images - kill.saved for kill in kills), default=0)
    print(f"images repeated after one kill: {repeated:,} at most (one checkpoint interval: {INTERVAL:,})")
    print(f"seconds undisturbed {seconds[0]:.0f}, under fire {seconds[1]:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="a sweep under fire")
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp())
    calm = undisturbed(asked.runs, folder / "calm")
    print(f"undisturbed: {calm:.0f} s\n")
    stormy, kills = disturbed(asked.runs, asked.kills, folder / "stormy", random.Random(asked.seed))
    report(sweep_in(folder / "calm"), sweep_in(folder / "stormy"), kills, (calm, stormy))


if __name__ == "__main__":
    main()
