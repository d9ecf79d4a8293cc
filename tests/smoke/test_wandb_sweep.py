"""A sweep of real runs recorded offline, one of which fails and one of which is killed, read back with W&B's reader."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from offline_runs import read_record, records_in
from wandb_server import KEY, WandbServer

from diptych.runs.folder.status import DONE, FAILED, RUNNING
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.local import LocalExecutor, LocalWork
from diptych.tracking import read_metrics

CONF = Path(__file__).resolve().parents[1] / "support" / "conf"
SECRET = "a-name-nobody-may-see"
EXPLODE = "+callbacks.explode={_target_: tinyparts.Explode, images: 1000}"
PAUSE = "+callbacks.pause={_target_: tinyparts.Pause, seconds: 0.1}"
GRID = ["model=tiny_gan", "data=digits", "tracking=offline", "tracking.wandb.tags=[tiny]", "trainer.threads=1"]
GRID += [
    "budget_images=960,1280",
    "seed=0,1",
    "hydra.launcher.slots=2",
    "callbacks.checkpoints.every_images=320",
    EXPLODE,
    PAUSE,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a sweep of four runs: two fail, and one is killed in mid-training."""
    folder = tmp_path_factory.mktemp(SECRET)
    paths = os.pathsep.join((str(CONF.parent), str(CONF.parents[2] / "src")))
    private = {"HOME": str(folder), "USER": SECRET, "LOGNAME": SECRET, "DIPTYCH_OUTPUTS": str(folder / "outputs")}
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"} | private
    environment.pop("WANDB_MODE", None)
    environment["WANDB_SERVICE"] = "3-1-unix-/nowhere"  # the supervisor's own, which no run may use
    command = [sys.executable, "-m", "diptych", "train", "-m", "--sweep", "lr", "--config-dir", str(CONF), *GRID]
    with (folder / "said.txt").open("w") as said:
        sweep = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
    os.kill(LocalWork(_one_that_has_saved(folder).handle).pid, signal.SIGKILL)
    assert sweep.wait(240) == 1, (folder / "said.txt").read_text()
    return folder


def _sweep(folder):
    return SweepFolder(folder / "outputs" / "sweeps" / "lr", folder / "outputs")


def _one_that_has_saved(folder):
    sweep, deadline = _sweep(folder), time.monotonic() + 90
    while time.monotonic() < deadline:
        for job in sweep.jobs() if sweep.ledger.path.exists() else ():
            run = sweep.run_of(job) if job.state == RUNNING else None
            if run and run.last.exists() and LocalExecutor().adopt(job.handle):
                time.sleep(1.5)  # W&B writes every second
                return job
        time.sleep(0.02)
    raise AssertionError((folder / "said.txt").read_text())


def _runs(folder):
    """For every job: the job, its run, and its W&B record."""
    for job in _sweep(folder).jobs():
        run = _sweep(folder).run_of(job)
        (record,) = records_in(run.path)
        yield job, run, read_record(record)


def _leaves(node, prefix=""):
    """Dotted keys and plain values, without empty ones, which W&B leaves out."""
    if not isinstance(node, dict):
        return {prefix: node}
    return {key: value for name, inner in node.items() for key, value in _leaves(inner, f"{prefix}.{name}").items()}


@pytest.mark.slow
def test_each_run_has_one_record_with_its_end_and_its_sweeps_group(folder):
    runs = list(_runs(folder))
    assert sorted(record.id for _, _, record in runs) == sorted(job.run_id for job, _, _ in runs)
    assert [job.state for job, _, _ in runs].count(FAILED) == 2
    assert {(job.state, record.exit_code) for job, _, record in runs} == {(DONE, 0), (FAILED, 1)}
    assert {(record.group, record.job_type, *record.tags) for _, _, record in runs} == {("lr", "train", "tiny")}


@pytest.mark.slow
def test_a_record_holds_what_the_run_folder_holds(folder):
    for _, run, record in _runs(folder):
        status, start = run.read_status(), run.read_environment()[-1]
        assert (record.summary["status"], record.summary["images_seen"]) == (status.status, status.images_seen)
        assert record.summary["best"] == status.best
        for name in ("train/loss_d", "val/realism"):
            logged = {row["images"]: row[name] for row in read_metrics(run.metrics) if name in row}
            assert dict(record.curve(name)) == pytest.approx(logged)
            assert record.summary[name] == record.curve(name)[-1][1]
        config = run.read_config()
        assert config["paths"]["outputs"] == str(folder / "outputs")
        assert _leaves({k: record.config[k] for k in config if k in record.config}) == (
            _leaves(config | {"paths": {"outputs": "…/outputs"}})
        )
        assert record.config["environment"] == {name: start[name] for name in record.config["environment"]}
        assert {"packages", "hardware", "code"} <= set(record.config["environment"])
        assert (record.config["config_digest"], record.config["seedless_digest"]) == (
            run.digest,
            start["seedless_digest"],
        )


@pytest.mark.slow
def test_runs_that_differ_only_by_seed_share_one_digest(folder):
    seedless = {(record.config["budget_images"], record.config["seedless_digest"]) for _, _, record in _runs(folder)}
    assert len(seedless) == 2
    assert len({record.config["config_digest"] for _, _, record in _runs(folder)}) == 4


@pytest.mark.slow
def test_a_killed_run_has_one_whole_curve_and_keeps_its_earlier_record(folder):
    ((_, run, record),) = [found for found in _runs(folder) if found[0].starts == 2]
    counts = [images for images, _ in record.curve("train/loss_d")]
    assert counts == [row["images"] for row in read_metrics(run.metrics) if "train/loss_d" in row]
    assert len(counts) == len(set(counts))
    (first,) = (run.path / "wandb" / "superseded").iterdir()
    before = read_record(first)
    assert before.exit_code is None
    assert len(before.curve("train/loss_d")) < len(counts)


@pytest.mark.slow
def test_no_record_names_the_person_or_a_folder(folder):
    sent = [path for record in folder.glob("outputs/*/*/wandb/offline-run-*") for path in record.rglob("*")]
    files = [path for path in sent if path.is_file() and "logs" not in path.parts]
    assert len(files) >= 4
    private = (SECRET, str(CONF.parents[2]), sys.executable)
    assert [path for path in files if any(word.encode() in path.read_bytes() for word in private)] == []


@pytest.mark.slow
def test_the_one_command_at_the_end_sends_the_whole_sweep(folder):
    command = next(line for line in (folder / "said.txt").read_text().splitlines() if line.startswith("wandb sync "))
    assert command == "wandb sync outputs/sweeps/lr/*/wandb/offline-run-*"
    with WandbServer().serving() as server:
        environment = os.environ | {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY}
        sending = f"{json.dumps(sys.executable)} -m {command}"
        subprocess.run(sending, shell=True, cwd=folder, env=environment, check=True, capture_output=True, timeout=120)
    assert set(server.runs) == {job.run_id for job in _sweep(folder).jobs()}
    for _, run, record in _runs(folder):
        known = server.runs[run.run_id]
        assert (known.group, known.exit_code) == (record.group, record.exit_code)
        assert known.curve("val/realism") == record.curve("val/realism")
