"""Several devices are one run: one folder, one end, and no process left, whatever happens to one of them."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import devices
import processes
import pytest
import torch

from diptych.runs.folder.find import all_runs
from diptych.runs.folder.layout import RunFolder
from diptych.tracking import read_metrics
from sameness import differences_of_runs

CONF = Path(__file__).resolve().parents[1] / "support" / "conf"
CAPTIONER = ["--config-dir", str(CONF), "model=small_captioner", "caption_decoder.dropout=0.1", "budget_images=640"]
TWO = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.threads=1"]
SMALL_DIGITS = [
    *("data=digits", "data.batch_size=16", "data.image_size=32", "generator.width=4", "discriminator.width=4"),
    *("system.ema_half_life_images=64", "callbacks=tiny", "tracking=csv"),
    *("budget_images=480", "validate_every_images=160"),
]
CHECKPOINTS = "{_target_: diptych.callbacks.Checkpoints, every_images: 160}"


@pytest.fixture(autouse=True)
def _nothing_is_left_running():
    yield
    processes.kill_all()


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> RunFolder:
    """A run on two devices that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    assert processes.finish(["train", *CAPTIONER, *TWO], folder) == 0, processes.said(folder)
    return the_run(folder)


def test_a_run_on_two_devices_has_one_folder_and_one_row_at_each_count(whole):
    counts = [row["images"] for row in read_metrics(whole.metrics) if "train/loss" in row]
    assert counts == sorted(set(counts))
    assert counts[-1] == 640
    assert whole.read_status().label == "done"
    assert len(whole.read_environment()) == 1
    assert no_process_has(whole)


@pytest.mark.slow
def test_a_run_with_a_killed_device_is_lost_and_resumes_exactly(whole, tmp_path):
    assert processes.finish(["train", *CAPTIONER, *TWO, strike(400, rank=1)], tmp_path) == 1
    run = the_run(tmp_path)
    assert run.read_status().label == "lost"
    assert "process 1 of this run was killed by signal 9" in processes.said(tmp_path)
    assert no_process_has(run)
    assert processes.finish(["resume", run.run_id, "callbacks.strike=null", "--trust", "tinyparts"], tmp_path) == 0
    assert differences_of_runs(run, whole) == []


def test_no_process_is_left_when_the_first_one_is_killed(tmp_path):
    assert processes.finish(["train", *CAPTIONER, *TWO, strike(400, rank=0)], tmp_path) == -signal.SIGKILL
    assert the_run(tmp_path).read_status().label == "lost"
    assert no_process_has(the_run(tmp_path))


def test_an_error_on_one_device_is_the_runs_error(tmp_path):
    explode = "+callbacks.explode={_target_: tinyparts.Explode, images: 400, rank: 1}"
    assert processes.finish(["train", *CAPTIONER, *TWO, explode], tmp_path) == 1
    said = processes.said(tmp_path)
    assert "process 1 of this run failed: RuntimeError: the data have run out" in said
    assert "Traceback" not in said
    assert the_run(tmp_path).read_status().label == "failed"
    assert no_process_has(the_run(tmp_path))


@pytest.mark.parametrize("where", ["step", "saving"])
def test_not_a_number_in_one_shard_makes_all_devices_diverge(tmp_path, where):
    """Found by the next step, whose loss is everyone's, or before that by whoever saves."""
    poison = "+callbacks.poison={_target_: tinyparts.Poison, images: 480, rank: 1}"
    health = "+callbacks.health={_target_: diptych.callbacks.Health, every_images: 10_000}"
    saves_after_it = ["~callbacks.checkpoints", poison, f"+callbacks.checkpoints={CHECKPOINTS}"]
    callbacks = [health, *(saves_after_it if where == "saving" else [poison])]
    began = time.monotonic()
    assert processes.finish(["train", *CAPTIONER, "trainer=fsdp", *TWO[1:], *callbacks], tmp_path) == 1
    run = the_run(tmp_path)
    status = run.read_status()
    assert status.label == "diverged", processes.said(tmp_path)
    assert ("is infinite or not a number" if where == "saving" else "loss is nan") in status.why
    assert torch.load(run.last, weights_only=True)["images_seen"] == (320 if where == "saving" else 480)
    assert time.monotonic() - began < 60
    assert no_process_has(run)


def test_on_a_signal_all_devices_save_once_and_exit_with_its_code(tmp_path):
    pause = "+callbacks.pause={_target_: tinyparts.Pause, seconds: 0.05}"
    process = processes.start(["train", *CAPTIONER, *TWO, pause, "budget_images=100_000"], tmp_path)
    wait_for(process, tmp_path, "outputs/*/*/checkpoints/last.ckpt")
    os.killpg(process.pid, signal.SIGTERM)  # as a terminal or a scheduler does it
    process.join(60)
    assert process.exitcode == 128 + signal.SIGTERM, processes.said(tmp_path)
    run = the_run(tmp_path)
    assert run.read_status().label == "stopped"
    assert_both_have_saved(run)
    assert no_process_has(run)


def test_a_signal_while_the_others_start_stops_the_run_and_does_not_lose_it(tmp_path):
    process = processes.start(["train", *CAPTIONER, *TWO], tmp_path)
    wait_for(process, tmp_path, "outputs/*/*/ranks/1.txt")
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGTERM)
    process.join(60)
    assert process.exitcode == 128 + signal.SIGTERM, processes.said(tmp_path)
    assert the_run(tmp_path).read_status().label == "stopped"
    assert no_process_has(the_run(tmp_path))


@pytest.mark.parametrize("rank", [0, 1])
def test_a_prune_request_ends_all_devices_whichever_sees_it(tmp_path, rank):
    give_up = f"+callbacks.give_up={{_target_: tinyparts.GiveUp, images: 400, seen_by: {rank}}}"
    assert processes.finish(["train", *CAPTIONER, *TWO, give_up], tmp_path) == 0, processes.said(tmp_path)
    run = the_run(tmp_path)
    status = run.read_status()
    assert (status.label, status.why, status.images_seen) == ("pruned", "others are better", 416)
    assert_both_have_saved(run)
    assert "Traceback" not in run.rank_log(1).read_text()
    assert no_process_has(run)


@pytest.mark.slow
def test_a_gan_with_a_killed_device_resumes_exactly(tmp_path):
    train = ["train", "--config-dir", str(CONF), "model=dcgan", *SMALL_DIGITS, *TWO]
    for folder in ("whole", "struck"):
        (tmp_path / folder).mkdir()
    assert processes.finish(train, tmp_path / "whole") == 0, processes.said(tmp_path / "whole")
    assert processes.finish([*train, strike(300, rank=1)], tmp_path / "struck") == 1
    run = the_run(tmp_path / "struck")
    assert 0 < torch.load(run.last, weights_only=True)["images_seen"] < 300
    again = ["resume", run.run_id, "callbacks.strike=null", "--trust", "tinyparts"]
    assert processes.finish(again, tmp_path / "struck") == 0, processes.said(tmp_path / "struck")
    assert differences_of_runs(run, the_run(tmp_path / "whole")) == []


def test_processes_of_torchrun_start_from_the_first_one_s_checkpoint(tmp_path):
    """To the second one, which looks later, `latest` would be the run that the first has just begun."""
    assert processes.finish(["train", *CAPTIONER, "budget_images=64"], tmp_path) == 0, processes.said(tmp_path)
    train = ["train", *CAPTIONER, *TWO, "init_from=latest", "budget_images=64", "name=started"]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(devices.free_port())}
    first = processes.start(train, tmp_path, shared | {"RANK": "0", "LOCAL_RANK": "0"})
    wait_for(first, tmp_path, "outputs/started/*/config.yaml")
    second = processes.start(train, tmp_path, shared | {"RANK": "1", "LOCAL_RANK": "1"})
    for process in (first, second):
        process.join(60)
        assert process.exitcode == 0, processes.said(tmp_path)
    (run,) = (run for run in all_runs(tmp_path / "outputs") if run.experiment == "started")
    assert run.read_status().label == "done"


def wait_for(process: Any, folder: Path, pattern: str) -> None:
    """Until there is such a file, or the process has ended."""
    while process.is_alive() and not list(folder.glob(pattern)):
        time.sleep(0.05)


def assert_both_have_saved(run: RunFolder) -> None:
    """Where the run has ended, which takes both devices at the same step."""
    saved = torch.load(run.last, weights_only=True)
    assert saved["images_seen"] == run.read_status().images_seen > 0
    assert len(saved["random_states"]) == 2


def strike(images: int, rank: int) -> str:
    return f"+callbacks.strike={{_target_: tinyparts.Strike, images: {images}, rank: {rank}}}"


def the_run(folder: Path) -> RunFolder:
    (run,) = all_runs(folder / "outputs")
    return run


def no_process_has(run: RunFolder, within_seconds: float = 5) -> bool:
    """Whether all processes that were begun for the run are gone, or soon are."""
    deadline = time.monotonic() + within_seconds
    while (alive := processes_of(run)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not alive


def processes_of(run: RunFolder) -> list[str]:
    """Command lines that name the run."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().decode(errors="replace"))
        except OSError:  # it has ended meanwhile
            continue
    return [line for line in lines if run.run_id in line and "diptych.runs.rank" in line]
