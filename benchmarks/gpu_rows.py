"""Rows at 64 px with up to four objects on one GPU: `python benchmarks/gpu_rows.py [ROW …]`, meant for eight minutes.

A captioner is trained first, which the rows borrow. Without names, the three GANs are trained; `flow` takes as long as
they do together, and is measured after few steps, too. Each run has a budget of images and a limit of seconds: at the
limit it saves and stops, and the table says so. Scene accuracy is of test sentences, by the judge.

Not yet tried on a GPU. `--share 0.003 --trainer cpu` tries the commands anywhere, and shows nothing else.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from diptych.evaluation.results import Figure, read_all
from diptych.runs.folder.find import all_runs
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DONE

SCENES = ["data=scenes64", "data.num_workers=12", "tracking=csv"]
CAPTIONER = [
    *SCENES,
    "model=cnn_rnn_attention",
    "data.batch_size=256",
    "data.captions_per_image=2",
    "optimizer.lr=3e-3",
]
CAPTIONER += ["system.max_grad_norm=1.0", "system.pixel_noise=0.5", "monitor=val/exact_match", "mode=max"]
LENT = [*SCENES, "model=layered_gan", "data.batch_size=128"]
GANS = {
    "layered_gan": [*LENT, "generator.num_slots=4", "generator.patch_size=48", "generator.latent_dim=16"],
    "residual_lent": [*LENT, "generator=residual", "generator.widths=[128,128,96,64,32]"],
    "dfgan_lent": [*LENT, "generator=dfgan", "generator.latent_dim=16"],
}
FLOW = {
    "flow": [
        *SCENES,
        "experiment=demo/flow",
        "data=scenes64",
        "data.batch_size=128",
        "denoiser.widths=[96,160,224]",
        "optimizer.lr=1.5e-3",
    ],
}
ROWS = GANS | FLOW
TEXT = {"pretraining": 57_600, "whitening": 6_400}
CAPTIONER_IMAGES, ROW_IMAGES = 1_000_000, 500_000
CAPTIONER_SECONDS, ROW_SECONDS = 90.0, 100.0
STEPS = (1, 4, 20)
"""Of which a flow's accuracy is told."""


class Trial:
    """Trains and evaluates in a folder of its own; `share` shortens all budgets."""

    def __init__(self, folder: Path, trainer: str, share: float) -> None:
        self.folder, self.share = folder, share
        self.common = [f"trainer={trainer}", f"name={folder.name}"]

    def train(self, overrides: list[str], images: int, seconds: float) -> tuple[RunFolder, float]:
        """The run, and the seconds that it took; stopped with its state saved at the limit."""
        images = max(1_000, int(images * self.share))
        budget = [f"budget_images={images}", f"validate_every_images={images // 2}"]
        known = {run.run_id for run in all_runs(self.folder)}
        started = perf_counter()
        process = self._diptych("train", *overrides, *budget, *self.common)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            process.wait()
        took = perf_counter() - started
        new = [run for run in all_runs(self.folder) if run.run_id not in known]
        if len(new) != 1 or not new[0].last.exists():
            raise SystemExit(f"no trained run: {' '.join(overrides)} (see above)")
        return new[0], took

    def evaluated(self, run: RunFolder, kind: str, key: str, *options: str) -> Figure:
        """A figure of a thousand test examples."""
        if self._diptych("evaluate", str(run.path), "--num", "1000", "--no-skills", *options).wait():
            raise SystemExit(f"{run.path} could not be evaluated (see above)")
        figures = [found.figure(key) for found in read_all(run.evaluations, pictures=False) if found.kind == kind]
        assert figures[-1] is not None
        return figures[-1]

    def _diptych(self, *words: str) -> "subprocess.Popen[bytes]":
        environment = os.environ | {"DIPTYCH_OUTPUTS": str(self.folder)}
        return subprocess.Popen([sys.executable, "-m", "diptych", *words], env=environment, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)} (default: {', '.join(GANS)})")
    parser.add_argument("--trainer", default="gpu")
    parser.add_argument("--share", type=float, default=1.0, help="of all budgets of images")
    asked = parser.parse_args()
    if unknown := [name for name in asked.rows if name not in ROWS]:
        parser.error(f"there is no row {unknown[0]}; rows are {', '.join(ROWS)}")
    trial = Trial(Path(tempfile.mkdtemp()), asked.trainer, asked.share)
    print(f"64 px, one to four objects, trainer={asked.trainer}; runs lie in {trial.folder}\n")
    print("| run | images | seconds | what it reached |\n| --- | ---: | ---: | --- |", flush=True)
    captioner, took = trial.train(CAPTIONER, CAPTIONER_IMAGES, CAPTIONER_SECONDS)
    show("captioner", captioner, took, trial.evaluated(captioner, "captioning", "exact_match"))
    for name in asked.rows or GANS:
        long = len(GANS) if name in FLOW else 1
        decay = int(long * ROW_IMAGES * trial.share) // 3
        own = [*ROWS[name], f"parts.captioner.run={captioner.path}", f"schedule.decay_images={decay}"]
        pretraining = [f"text_pretraining.{key}_images={max(256, int(n * trial.share))}" for key, n in TEXT.items()]
        run, took = trial.train([*own, *pretraining], long * ROW_IMAGES, long * ROW_SECONDS)
        for steps in STEPS if name in FLOW else (None,):
            options = [] if steps is None else [f"steps={steps}"]
            said = name if steps is None else f"{name}, {steps} steps"
            show(said, run, took, trial.evaluated(run, "generation", "scene_accuracy", *options))


def show(name: str, run: RunFolder, seconds: float, reached: Figure) -> None:
    """One line of the table."""
    status = run.read_status()
    images = f"{status.images_seen:,}" + ("" if status.status == DONE else f" ({status.status})")
    low, high = reached.interval or (None, None)
    between = f" ({low:.1%} to {high:.1%})" if low is not None and high is not None else ""
    value = "—" if reached.value is None else f"{reached.value:.1%}{between}"
    print(f"| {name} | {images} | {seconds:.0f} | {reached.key} {value} |", flush=True)


if __name__ == "__main__":
    main()
