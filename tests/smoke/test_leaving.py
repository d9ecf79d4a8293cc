"""How commands end: their exit codes, and one message for each user error."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import processes
import pytest

from diptych.runs.folder.find import all_runs

CONF = Path(__file__).resolve().parents[1] / "support" / "conf"
TINY = ["--config-dir", str(CONF), "model=tiny_gan"]


@pytest.fixture(autouse=True)
def _nothing_is_left_running():
    yield
    processes.kill_all()


def test_a_finished_run_exits_with_0_and_names_its_folder(tmp_path):
    assert processes.finish(["train", *TINY], tmp_path) == 0
    (run,) = all_runs(tmp_path / "outputs")
    assert processes.said(tmp_path).splitlines()[-1] == str(run.path.relative_to(tmp_path))


def test_a_failed_run_exits_with_1_and_keeps_the_traceback_for_log_txt(tmp_path):
    explode = "+callbacks.explode={_target_: tinyparts.Explode, images: 64}"
    assert processes.finish(["train", *TINY, explode], tmp_path) == 1
    said = processes.said(tmp_path)
    assert "diptych train: RuntimeError: the data have run out" in said
    assert "Traceback" not in said
    (run,) = all_runs(tmp_path / "outputs")
    assert "Traceback" in run.log.read_text()
    assert run.read_status().label == "failed"


def test_debug_shows_the_traceback(tmp_path):
    explode = "+callbacks.explode={_target_: tinyparts.Explode, images: 64}"
    assert processes.finish(["train", "--debug", *TINY, explode], tmp_path) == 1
    assert "Traceback" in processes.said(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "modle=tiny_gan"], r"there is no modle to set; did you mean model\?\n$"),
        (["train", *TINY, "generator.widht=3"], r"no generator.widht to set; did you mean generator.width\?\n$"),
        (["train", *TINY, "+generator.widht=3"], "generator.widht=3: tinyparts.TinyGenerator has no such argument"),
        (["train", *TINY, "seed=x"], "seed=x: this key takes a whole number"),
        (["train", *TINY, "seed=-1"], "seed=-1: give a whole number from 0"),
        (["train", "model=nosuch"], "Could not find 'model/nosuch'"),
        (["train"], "no data is chosen"),
        (["train", "--config-dir", "nowhere"], "'.*nowhere' not found"),
        (["train", *TINY, "init_from=nothing"], "there is no run 'nothing'"),
        (["train", *TINY, "trainer=gpu"], "torch sees no CUDA device here"),
        (["train", *TINY, "trainer.profiler=slow"], "choose simple or advanced"),
        (["train", *TINY, "data.val_size=0"], "data.val_size=0: there is nothing to validate on: increase it"),
        (
            ["train", *TINY, "paths.outputs=/proc/no"],
            r"/proc/no\S* cannot be created .*: set paths\.outputs or DIPTYCH_OUT",
        ),
        (
            ["train", "-m", *TINY, "seed=0,1", "paths.outputs=/proc/no"],
            r"/proc/no\S* cannot be created .*: set paths\.out",
        ),
        (
            ["train", "model=mlp_bn_gan", "data=digits", "data.batch_size=1", "tracking=csv"],
            "data.batch_size=1: batch normalisation needs two examples or more on each device: increase it\n$",
        ),
        (["train", *TINY, "generator_optimizer.lr=-1"], "generator_optimizer: Invalid learning rate: -1"),
        (["resume"], "required: RUN\n$"),
        (["generate"], "name the run that generates: a run folder, a run id or its beginning, or latest\n$"),
        (["data"], r"required: check\|stats\|preview\|pack, NAME\|FOLDER\n$"),
        (["resume", "latest"], "there is no run in outputs/ yet"),
        (["resume", "nothing"], "there is no run 'nothing'"),
        (["runs", "show", "nothing"], "there is no run 'nothing'"),
        (["runs", "--nonsense"], "unrecognized arguments"),
        (["draw"], "invalid choice: 'draw'"),
    ],
)
def test_wrong_usage_exits_with_2_and_one_message(tmp_path, arguments, says):
    if "trainer=gpu" in arguments:
        pytest.importorskip("torch").cuda.is_available() and pytest.skip("there is a CUDA device here")
    assert processes.finish(arguments, tmp_path) == 2
    said = processes.said(tmp_path)
    assert re.search(says, said)
    assert "Traceback" not in said
    assert "Error executing job" not in said


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_exits_with_the_signals_code(tmp_path, signum, code):
    strike = f"+callbacks.strike={{_target_: tinyparts.Strike, images: 320, signum: {int(signum)}, where: step}}"
    assert processes.finish(["train", *TINY, strike], tmp_path) == code
    (run,) = all_runs(tmp_path / "outputs")
    said = processes.said(tmp_path)
    assert f"diptych train: stopped by {signum.name}\n" in said
    assert said.splitlines()[-1] == f"diptych resume {run.path.relative_to(tmp_path)}"
    assert run.read_status().label == "stopped"


def test_a_killed_run_is_listed_as_killed(tmp_path):
    strike = "+callbacks.strike={_target_: tinyparts.Strike, images: 320, where: step}"
    assert processes.finish(["train", *TINY, strike], tmp_path) == -signal.SIGKILL
    assert processes.finish(["runs", "--json"], tmp_path) == 0
    (row,) = json.loads(processes.said(tmp_path))
    assert row["status"] == "lost"
    assert row["experiment"] == "tiny_gan_digits"


def test_a_run_takes_its_id_from_the_environment(tmp_path):
    assert processes.finish(["train", *TINY, "budget_images=32"], tmp_path, {"DIPTYCH_RUN_ID": "given"}) == 0
    assert [run.run_id for run in all_runs(tmp_path / "outputs")] == ["given"]
    assert processes.finish(["train", *TINY, "budget_images=32"], tmp_path, {"DIPTYCH_RUN_ID": "given"}) == 2


def test_a_sweep_starts_fresh_processes_and_survives_a_failed_one(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(CONF.parent), "OMP_NUM_THREADS": "1"}
    explode = "+callbacks.explode={_target_: tinyparts.Explode, images: 64}"
    sweep = ["-m", *TINY, "budget_images=32,64", explode]
    command = [sys.executable, "-m", "diptych", "train", *sweep]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert "1 of 2 runs are not done" in result.stderr
    assert f"{all_runs(tmp_path / 'outputs')[1].run_id} (failed)" in result.stderr
    done, failed = all_runs(tmp_path / "outputs")
    assert (done.read_status().label, failed.read_status().label) == ("done", "failed")
    assert done.read_config()["budget_images"] == 32
    (sweep_folder,) = (tmp_path / "outputs" / "sweeps").iterdir()
    assert {link.name for link in sweep_folder.iterdir() if link.is_symlink()} == {done.run_id, failed.run_id}
    starts = [run.read_environment()[0] for run in (done, failed)]
    assert all("-m" not in start["command"] for start in starts)
