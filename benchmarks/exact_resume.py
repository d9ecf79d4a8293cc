"""Exact resume: killed runs end bit-identical to undisturbed ones: `python benchmarks/exact_resume.py [--kills 10]`.

Each kind of model with its own training is trained twice: undisturbed, and killed (SIGKILL) at random moments in
training, in validation and during file writes, and resumed until it is done. Then weights, averages, optimisers, random
states, positions and counts of last.ckpt, all of best.ckpt, and the rows of metrics.csv are compared bit for bit. A
kill before the first save starts the run again and does not count: the requested number of kills must each be resumed
past zero. It takes under ten minutes on two cores; the exit code is 1 if anything differs.
"""

import argparse
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback

from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DONE
from sameness import differences_of_runs

WAITING, VALIDATION, WRITING, STEP = "start-up", "validation", "writing", "step"
MOMENTS = (STEP, STEP, VALIDATION, WRITING, WRITING, WAITING)
STARTING_SECONDS, MOMENT_SECONDS = 4.0, 0.03
NOTE = "moment.txt"

SCENES = "data=scenes_demo data.batch_size=16 data.val_size=48"
SMALL_ENCODER = "image_encoder.widths=[16,16,32] image_encoder.pooled_dim=16"
SMALL_WORDS = "caption_decoder.embedding_dim=16 caption_decoder.hidden_dim=32"
LENDER = f"model=cnn_rnn_attention {SCENES} {SMALL_ENCODER} {SMALL_WORDS} caption_decoder.attention_dim=16"
GENERATOR = (
    f"model=layered_gan {SCENES} text_encoder.embedding_dim=16 text_encoder.word_dim=16 generator.look_dim=16 "
    "generator.hidden_dim=16 generator.patch_widths=[16,16] latent_encoder.backbone_dim=16 latent_encoder.width=4 "
    "latent_encoder.hidden_dim=16 discriminator.backbone_dims=[16,16,32] discriminator.width=16 "
    "discriminator.joint_dim=16 discriminator.pixel_widths=[16,16] text_pretraining.pretraining_images=480 "
    "text_pretraining.whitening_images=160 system.ema_half_life_images=128 schedule.decay_images=480"
)


@dataclass(frozen=True)
class Kind:
    """A kind of training: its overrides, its budget, and its images between two checkpoints."""

    name: str
    overrides: str
    budget: int
    interval: int


KINDS = (
    Kind("mlp_gan, digits", "model=mlp_gan data=digits data.batch_size=16", 4800, 240),
    Kind("dcgan, digits, 2 data workers", "model=dcgan data=digits data.batch_size=16 data.num_workers=2", 1440, 96),
    Kind("layered_gan (text pretraining, averaged), scenes", GENERATOR, 1440, 96),
    Kind("cnn_rnn, scenes", f"model=cnn_rnn {SCENES} {SMALL_ENCODER} {SMALL_WORDS}", 3200, 160),
    Kind("cnn_rnn_attention, scenes", LENDER, 3200, 160),
    Kind("classifier, scenes", f"model=classifier {SCENES} {SMALL_ENCODER}", 3200, 160),
)


class Moments(Callback):
    """Notes the run's position before every step and validation, so that a kill can be aimed."""

    def __init__(self) -> None:
        self.seen = 0

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        self._note(trainer, pl_module, STEP)

    def on_validation_start(self, trainer, pl_module) -> None:
        self._note(trainer, pl_module, VALIDATION)

    def on_save_checkpoint(self, trainer, pl_module, checkpoint) -> None:
        self._note(trainer, pl_module, WRITING)

    def _note(self, trainer: Any, system: Any, moment: str) -> None:
        (Path(trainer.default_root_dir) / NOTE).write_text(f"{system.images_seen} {moment}")


@dataclass(frozen=True)
class Aim:
    """When to kill: after this number of images, in this moment, and how late in it (0 to 1)."""

    images: float
    moment: str
    late: float


@dataclass
class Kill:
    """A kill: seconds since the start or resume, the position, and the position from which it resumed."""

    second: float
    images: int
    moment: str
    saved: int


@dataclass
class Trial:
    """The result of one kind."""

    kind: Kind
    kills: list[Kill] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def resumed(self) -> list[Kill]:
        return [kill for kill in self.kills if kill.saved]


def command(kind: Kind, lender: Path | None) -> list[str]:
    borrowed = [f"parts.captioner.run={lender}"] if "model=layered_gan" in kind.overrides else []
    return [
        *(
            "train",
            *kind.overrides.split(),
            *borrowed,
            "tracking=csv",
            "trainer.threads=1",
            "callbacks.progress.quiet=true",
        ),
        *(f"budget_images={kind.budget}", f"validate_every_images={2 * kind.interval}"),
        *(f"callbacks.checkpoints.every_images={kind.interval}", f"callbacks.metrics_log.every_images={kind.interval}"),
        f"callbacks.samples.every_images={kind.budget // 3}",
        "+callbacks.moments={_target_: exact_resume.Moments}",
    ]


def begin(arguments: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"}
    with (folder / "said.txt").open("ab") as said:
        shown = {"stdout": said, "stderr": said, "start_new_session": True}
        return subprocess.Popen([sys.executable, "-m", "diptych", *arguments], cwd=folder, env=environment, **shown)


def the_run(folder: Path) -> RunFolder | None:
    found = [path.parent for path in folder.glob("outputs/*/*/config.yaml")]
    return RunFolder(found[0]) if found else None


def completed(arguments: Sequence[str], folder: Path) -> RunFolder:
    """The run of an undisturbed command."""
    code = begin(arguments, folder).wait()
    run = the_run(folder)
    if code or run is None:
        raise RuntimeError(f"diptych {' '.join(arguments)} ended with {code}:\n{(folder / 'said.txt').read_text()}")
    return run


def carried_out(kind: Kind, lender: Path | None, kills: int, folder: Path, rng: random.Random) -> Trial:
    """Train undisturbed and with kills, and compare."""
    start, trial, train = time.monotonic(), Trial(kind), command(kind, lender)
    calm, stormy = completed(train, folder / "calm"), folder / "stormy"
    process = begin(train, stormy)
    for mark in sorted(rng.uniform(kind.interval, kind.budget - kind.interval / 2) for _ in range(kills)):
        survived = len(trial.resumed)
        while process.poll() is None and len(trial.resumed) == survived:
            process = struck(trial, process, stormy, train, Aim(mark, rng.choice(MOMENTS), rng.uniform(0, 1)))
    code = process.wait()
    run = the_run(stormy)
    if code or run is None or run.read_status().status != DONE:
        trial.differences.append(f"it ended with exit code {code}")
    else:
        trial.differences += differences_of_runs(run, calm)
    trial.seconds = time.monotonic() - start
    return trial


def struck(
    trial: Trial, process: subprocess.Popen[bytes], folder: Path, train: Sequence[str], aim: Aim
) -> subprocess.Popen[bytes]:
    """Kill the run, unless it is done before; return the process that resumes it or starts it again."""
    start = time.monotonic()
    if aim.moment == WAITING:
        wait_until(process, lambda: time.monotonic() - start > STARTING_SECONDS * aim.late)
    else:
        wait_until(process, lambda: is_at(folder, aim))
        time.sleep(MOMENT_SECONDS * aim.late)
    if process.poll() is not None:
        return process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    run = the_run(folder)
    kill = Kill(time.monotonic() - start, *note_of(run), saved_images(run))
    trial.kills.append(kill)
    if run is not None:
        (run.path / NOTE).unlink(missing_ok=True)
    if kill.saved and run is not None:
        return begin(["resume", str(run.path), "--trust", "exact_resume"], folder)
    shutil.rmtree(folder / "outputs", ignore_errors=True)
    return begin(train, folder)


def wait_until(process: subprocess.Popen[bytes], condition: Any) -> None:
    while process.poll() is None and not condition():
        time.sleep(0.002)


def is_at(folder: Path, aim: Aim) -> bool:
    """Whether the run is past the mark in the wanted moment; well past it, any moment counts."""
    images, moment = note_of(the_run(folder))
    return images >= aim.images and (moment == aim.moment or images >= 1.1 * aim.images)


def note_of(run: RunFolder | None) -> tuple[int, str]:
    note = run.path / NOTE if run else None
    words = note.read_text().split() if note and note.exists() else []
    return (int(words[0]), words[1]) if len(words) == 2 else (0, WAITING)


def saved_images(run: RunFolder | None) -> int:
    """The position from which the run will resume."""
    return torch.load(run.last, weights_only=True)["images_seen"] if run and run.last.exists() else 0


def report(trials: Sequence[Trial]) -> None:
    print("\n| system | kills | resumed past zero | in a step, validation, writing, start-up | equal | seconds |")
    print("| --- | ---: | ---: | --- | --- | ---: |")
    for trial in trials:
        places = [sum(kill.moment == moment for kill in trial.kills) for moment in (STEP, VALIDATION, WRITING, WAITING)]
        equal = "bit for bit" if not trial.differences else f"no: {', '.join(trial.differences[:3])}"
        counts = f"{len(trial.kills)} | {len(trial.resumed)} | {', '.join(map(str, places))}"
        print(f"| {trial.kind.name} | {counts} | {equal} | {trial.seconds:.0f} |")
    print("\n| system | seconds since its start | images seen | killed in | went on from |")
    print("| --- | ---: | ---: | --- | ---: |")
    for trial in trials:
        for kill in trial.kills:
            print(f"| {trial.kind.name} | {kill.second:.1f} | {kill.images:,} | {kill.moment} | {kill.saved:,} |")


def main() -> int:
    parser = argparse.ArgumentParser(description="every system, killed and resumed")
    parser.add_argument("--kills", type=int, default=10, help="of each system")
    parser.add_argument("--only", default="", help="systems whose names hold this")
    parser.add_argument("--at-once", type=int, default=2, help="systems; each takes one core")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp())
    kinds = [kind for kind in KINDS if asked.only in kind.name]
    lender = completed(command(Kind("lender", LENDER, 320, 160), None), folder / "lender").path

    def tried(number: int) -> Trial:
        trial = carried_out(
            kinds[number], lender, asked.kills, folder / f"{number}", random.Random(f"{asked.seed} {number}")
        )
        print(f"{trial.kind.name}: {len(trial.kills)} kills, {trial.differences or 'equal'}", file=sys.stderr)
        return trial

    with ThreadPoolExecutor(asked.at_once) as pool:
        trials = list(pool.map(tried, range(len(kinds))))
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {os.cpu_count()} cores, one thread a run")
    report(trials)
    return int(any(trial.differences or len(trial.resumed) < asked.kills for trial in trials))


if __name__ == "__main__":
    sys.exit(main())
