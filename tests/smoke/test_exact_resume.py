"""A killed and resumed run is bit-identical to an undisturbed one (on the CPU)."""

import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import processes
import pytest
import torch

from diptych.runs.folder.find import all_runs
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DONE
from diptych.tracking import read_metrics
from sameness import differences_of_runs

CONF = Path(__file__).resolve().parents[1] / "support" / "conf"

# Images between two checkpoints; every run sees six times as many.
INTERVALS = {"small_captioner": 160, "small_text_gan": 80, "small_layered_gan": 80, "small_embedding": 80}
OTHERS = (
    "small_dfgan",
    "small_attngan",
    "small_wgan_gp",
    "small_r3gan",
    "small_biggan",
    "small_stylegan2",
    "small_flow",
    "small_mean_flow",
    "small_vqvae",
    "small_vae",
    "small_caption_vae",
)
"""Networks whose terms and penalties count at some steps only, so that a checkpoint falls between them."""

AUGMENTED = [
    "augmentation=[ada,instance_noise]",
    "augmentations.ada.interval_images=48",
    "augmentations.ada.speed_images=200",
]
"""In cycles of 48 images, of which a checkpoint of every 80 cuts some."""

TERMS = [
    "+term=[mode_seeking,r1,gradient_penalty,learned_redescription]",
    "terms.r1.every=3",
    "image_encoder=cnn",
    "image_encoder.widths=[8,8,8]",
    "caption_decoder=lstm",
]


@dataclass(frozen=True)
class Whole:
    """An undisturbed run, and how to start another one like it."""

    command: list[str]
    interval: int
    run: RunFolder


@pytest.fixture(autouse=True)
def _nothing_is_left_running():
    yield
    processes.kill_all()


@pytest.fixture(scope="module")
def lender(tmp_path_factory) -> RunFolder:
    """A captioner for the run that borrows one."""
    return completed(command("small_captioner", "budget_images=160"), tmp_path_factory.mktemp("lender"))


@pytest.fixture(scope="module", params=list(INTERVALS))
def whole(request, lender, tmp_path_factory) -> Whole:
    additions = {
        "small_captioner": ["data.augmentation={flip: true, crop: 0.8, colour: 0.2, rotation: 5, blur: true}"],
        "small_text_gan": [*TERMS, *AUGMENTED],  # 5 steps a checkpoint
        "small_layered_gan": [f"parts.captioner.run={lender.path}"],
        "small_embedding": ["embedding_objective=contrastive", "system.pixel_noise=0.2"],
    }
    train = command(request.param, *additions[request.param])
    return Whole(train, INTERVALS[request.param], completed(train, tmp_path_factory.mktemp(request.param)))


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_between_checkpoints(whole, tmp_path, workers):
    killed([*whole.command, strike(whole.interval * 3.4, "step"), f"data.num_workers={workers}"], tmp_path)
    assert differences_of_runs(resumed(tmp_path, whole.interval), whole.run) == []


@pytest.mark.slow
@pytest.mark.parametrize("model", OTHERS)
def test_other_networks_killed_between_checkpoints(model, tmp_path):
    train, interval = command(model, "budget_images=240"), 80
    killed([*train, strike(interval * 1.4, "step")], tmp_path)
    (whole := tmp_path / "whole").mkdir()
    assert differences_of_runs(resumed(tmp_path, interval), completed(train, whole)) == []


@pytest.mark.slow
@pytest.mark.parametrize("model", ["small_prior", "small_masked_prior"])
def test_a_prior_killed_between_checkpoints_keeps_its_autoencoder(model, tmp_path):
    (lending := tmp_path / "lender").mkdir()
    lender, interval = completed(command("small_vqvae", "budget_images=160"), lending), 80
    train = command(model, "budget_images=240", f"parts.autoencoder.run={lender.path}")
    killed([*train, strike(interval * 1.4, "step")], tmp_path)
    (whole := tmp_path / "whole").mkdir()
    assert differences_of_runs(resumed(tmp_path, interval), completed(train, whole)) == []


def test_killed_while_a_checkpoint_is_being_written(whole, tmp_path):
    killed([*whole.command, strike(whole.interval * 3, "saving")], tmp_path)
    assert list(the_run(tmp_path).checkpoints.glob("*.partial"))
    assert differences_of_runs(resumed(tmp_path, whole.interval), whole.run) == []
    assert not list(the_run(tmp_path).checkpoints.glob("*.partial"))


def test_killed_in_the_middle_of_a_validation(whole, tmp_path):
    killed([*whole.command, strike(whole.interval * 4, "validation")], tmp_path)
    assert differences_of_runs(resumed(tmp_path, whole.interval), whole.run) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_at_any_moment_again_and_again(whole, tmp_path, workers):
    moments = random.Random(f"{whole.run.experiment} {workers}")
    arguments = [*whole.command, f"data.num_workers={workers}"]
    for _ in range(2):
        process = begun(arguments, tmp_path)
        time.sleep(moments.uniform(0, 0.3))
        process.kill()
        process.join()
        arguments = ["resume", the_run(tmp_path).run_id]
    if the_run(tmp_path).read_status().status != DONE:
        resumed(tmp_path, whole.interval)
    assert differences_of_runs(the_run(tmp_path), whole.run) == []


def test_a_stopped_run_saves_and_resumes_from_there(whole, tmp_path):
    process = begun(whole.command, tmp_path)
    os.kill(process.pid, signal.SIGTERM)
    process.join()
    assert process.exitcode == 128 + signal.SIGTERM, processes.said(tmp_path)
    run = the_run(tmp_path)
    assert run.read_status().label == "stopped"
    assert torch.load(run.last, weights_only=True)["images_seen"] == run.read_status().images_seen
    assert differences_of_runs(resumed(tmp_path, whole.interval), whole.run) == []


def command(model: str, *overrides: str) -> list[str]:
    return ["train", "--config-dir", str(CONF), f"model={model}", *overrides]


def strike(images: float, where: str) -> str:
    return f"+callbacks.strike={{_target_: tinyparts.Strike, images: {int(images)}, where: {where}}}"


def the_run(folder: Path) -> RunFolder:
    (run,) = all_runs(folder / "outputs")
    return run


def completed(arguments: list[str], folder: Path) -> RunFolder:
    code = processes.finish(arguments, folder)
    assert code == 0, processes.said(folder)
    return the_run(folder)


def killed(arguments: list[str], folder: Path) -> None:
    assert processes.finish(arguments, folder) == -signal.SIGKILL


def begun(arguments: list[str], folder: Path) -> Any:
    """The command's process, once it has written a checkpoint (or has ended)."""
    process = processes.start(arguments, folder)
    deadline = time.monotonic() + 120
    while process.is_alive() and not has_checkpoint_since(process.started, folder):
        assert time.monotonic() < deadline, "the run did not get anywhere"
        time.sleep(0.01)
    return process


def has_checkpoint_since(moment: float, folder: Path) -> bool:
    return any(path.stat().st_mtime > moment for path in folder.glob("outputs/*/*/checkpoints/last.ckpt"))


def resumed(folder: Path, interval: int) -> RunFolder:
    """The run in `folder`, resumed to its end; it starts past zero and repeats at most one checkpoint interval."""
    run = the_run(folder)
    seen = max(row["images"] for row in read_metrics(run.metrics))
    saved = torch.load(run.last, weights_only=True)["images_seen"]
    assert saved > 0
    assert saved >= seen - interval
    completed(["resume", run.run_id, "callbacks.strike=null", "--trust", "tinyparts"], folder)
    assert run.read_status().status == DONE
    return run
