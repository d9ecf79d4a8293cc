"""SIGINT and SIGTERM at any moment: the run saves, exits with one code, and leaves no process behind."""

import signal
from pathlib import Path

import processes
import pytest
import torch

from diptych.runs.folder.find import all_runs
from diptych.runs.folder.layout import RunFolder

CONF = Path(__file__).resolve().parents[1] / "support" / "conf"
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
SAMPLES = "+callbacks.samples={_target_: diptych.callbacks.Samples, every_images: 100}"


@pytest.fixture(autouse=True)
def _nothing_is_left_running():
    yield
    processes.kill_all()


@pytest.mark.parametrize(
    ("signum", "model", "where"),
    [
        (signal.SIGINT, "small_gan", "step"),
        (signal.SIGTERM, "small_text_gan", "sampling"),
        (signal.SIGINT, "small_captioner", "validation"),
        (signal.SIGTERM, "small_captioner", "sampling"),
        (signal.SIGTERM, "small_classifier", "validation"),
    ],
)
def test_a_signal_to_the_whole_group_stops_a_run_and_its_data_workers(tmp_path, signum, model, where):
    """Ctrl-C in a terminal and many clusters signal the whole group of processes."""
    run, said = struck(tmp_path, signum, model, where, images=200, more=["data.num_workers=2"])
    assert torch.load(run.last, weights_only=True)["images_seen"] == run.read_status().images_seen >= 200
    assert said[-1] == f"diptych resume {run.path.relative_to(tmp_path)}"


@pytest.mark.parametrize(("signum", "where"), [(signal.SIGINT, "building"), (signal.SIGTERM, "sanity")])
def test_a_signal_before_the_first_step_saves_nothing(tmp_path, signum, where):
    run, said = struck(tmp_path, signum, "small_captioner", where, images=0)
    assert not list(run.checkpoints.iterdir())
    assert said[-1].endswith("has no checkpoint yet: start it again with diptych train")


@pytest.mark.parametrize(
    ("signum", "where", "saved"), [(signal.SIGTERM, "step", 608), (signal.SIGINT, "validation", 480)]
)
def test_a_second_signal_does_not_wait_for_a_validation_to_end(tmp_path, signum, where, saved):
    run, _ = struck(tmp_path, signum, "small_captioner", where, images=600, times=2, more=["data.num_workers=2"])
    assert torch.load(run.last, weights_only=True)["images_seen"] == saved
    assert not list(run.path.rglob("*.partial"))


def test_further_signals_do_not_interrupt_the_last_checkpoint(tmp_path):
    again = "+callbacks.again={_target_: tinyparts.Strike, images: 200, signum: 2, where: saving, times: 2}"
    run, said = struck(tmp_path, signal.SIGTERM, "small_gan", "step", images=200, more=[again])
    assert torch.load(run.last, weights_only=True)["images_seen"] == run.read_status().images_seen == 208
    assert said.count("SIGINT changes nothing: saving, then stopping already") == 2
    assert not list(run.path.rglob("*.partial"))


def test_two_signals_while_a_run_saves_stop_it_and_do_not_fail_it(tmp_path):
    run, _ = struck(tmp_path, signal.SIGTERM, "small_gan", "saving", images=160, times=2)
    assert (run.read_status().status, run.read_status().why) == ("stopped", "stopped by SIGTERM")
    assert torch.load(run.last, weights_only=True)["images_seen"] in (80, 160)
    assert not list(run.path.rglob("*.partial"))


def test_a_signal_in_the_last_validation_leaves_the_run_done(tmp_path):
    strike = "+callbacks.strike={_target_: tinyparts.Strike, images: 480, signum: 15, where: validation}"
    assert processes.finish(["train", "--config-dir", str(CONF), "model=small_gan", strike], tmp_path) == 0
    (run,) = all_runs(tmp_path / "outputs")
    assert run.read_status().label == "done"


def test_a_resume_that_is_stopped_at_once_keeps_the_runs_progress(tmp_path):
    run, _ = struck(tmp_path, signal.SIGTERM, "small_gan", "step", images=200)
    again = ["resume", run.run_id, "--trust", "tinyparts", "callbacks.strike.where=building"]
    assert processes.finish(again, tmp_path) == 143
    assert run.read_status().label == "stopped"
    assert run.read_status().images_seen == 208
    assert run.read_status().best is not None


def struck(
    folder: Path, signum: int, model: str, where: str, *, images: int, times: int = 1, more: list[str] | None = None
) -> tuple[RunFolder, list[str]]:
    """The run after the signal, and its output; checks the exit code and that no process is left."""
    what = f"images: {images}, signum: {int(signum)}, where: {where}, times: {times}, group: true"
    strike = f"+callbacks.strike={{_target_: tinyparts.Strike, {what}}}"
    command = ["train", "--config-dir", str(CONF), f"model={model}", SAMPLES, strike, *(more or [])]
    process = processes.start(command, folder)
    process.join(120)
    said = processes.said(folder)
    assert process.exitcode == CODES[signum], said
    assert f"stopped by {signum.name}" in said
    assert "Traceback" not in said
    assert "Error" not in said
    assert processes.living(process.pid) == []
    (run,) = all_runs(folder / "outputs")
    return run, said.splitlines()
