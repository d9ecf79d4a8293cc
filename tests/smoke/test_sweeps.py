"""Sweeps of real processes, some of which are killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_sweeps import SLOW, begin, environment, sweep_in, wait_for, with_checkpoint

from diptych.runs.status import DONE, FAILED
from diptych.sweeps.local import LocalWork


@pytest.mark.slow
def test_what_is_killed_is_brought_back_and_ends_as_if_nothing_had_been(tmp_path):
    grid = ["--sweep", "lr", "seed=0,1", "budget_images=3200", "callbacks.checkpoints.every_images=320", SLOW]
    grid += ["hydra.launcher.slots=2"]
    calm, stormy = tmp_path / "calm", tmp_path / "stormy"
    assert begin(grid, calm).wait(180) == 0, (calm / "said.txt").read_text()

    controller = begin(grid, stormy)
    sweep = sweep_in(stormy)
    victim = wait_for(lambda: with_checkpoint(sweep))
    os.killpg(LocalWork(victim.handle).pid, signal.SIGKILL)
    wait_for(lambda: sweep.jobs()[victim.number].starts == 2)
    controller.kill()
    controller.wait()
    assert not sweep.is_in_hand
    assert begin(grid, stormy).wait(180) == 0, (stormy / "said.txt").read_text()

    jobs = list(sweep.jobs())
    assert [job.state for job in jobs] == [DONE, DONE]
    assert jobs[victim.number].starts == 2
    assert len(list((stormy / "outputs").glob("tiny_gan_digits/*"))) == 2
    for job, undisturbed in zip(jobs, sweep_in(calm).jobs(), strict=True):
        states = [
            torch.load(folder.run_of(one).last, weights_only=True)["state_dict"]
            for folder, one in ((sweep, job), (sweep_in(calm), undisturbed))
        ]
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


@pytest.mark.slow
def test_a_stopped_sweep_says_how_it_fares_and_goes_on_where_it_was(tmp_path):
    grid = ["--sweep", "lr", "seed=0,1", "budget_images=3200", "callbacks.checkpoints.every_images=320", SLOW]
    controller = begin(grid, tmp_path)
    sweep = sweep_in(tmp_path)
    wait_for(lambda: with_checkpoint(sweep))
    said = asked(["stop", "lr", "--json"], tmp_path)
    assert controller.wait(60) == 128 + signal.SIGTERM
    assert said["counts"] == {"queued": 1, "stopped": 1}
    assert not said["in_hand"]
    first = [run for run in said["runs"] if run["state"] == "stopped"]
    assert 0 < first[0]["images"] < 3200
    assert begin(grid, tmp_path).wait(120) == 0
    assert asked(["status", "lr", "--json"], tmp_path)["counts"] == {"done": 2}


@pytest.mark.slow
def test_a_mistake_that_all_runs_share_is_found_before_any_is_begun(tmp_path):
    controller = begin(["--sweep", "lr", "seed=0,1", "generator.widht=3"], tmp_path)
    assert controller.wait(60) == 2
    assert "widht" in (tmp_path / "said.txt").read_text()
    assert not sweep_in(tmp_path).ledger.path.exists()


@pytest.mark.slow
def test_a_dry_run_says_what_it_would_do_and_does_nothing(tmp_path):
    assert begin(["--dry-run", "seed=0,1,2", "budget_images=1000"], tmp_path).wait(60) == 0
    said = (tmp_path / "said.txt").read_text()
    assert "3 runs, 3,000 images" in said
    assert "nobody knows how long" in said
    assert not list((tmp_path / "outputs").glob("*/*/config.yaml"))


@pytest.mark.slow
def test_what_failed_is_tried_again_on_request_only(tmp_path):
    explode = "+callbacks.explode={_target_: tinyparts.Explode, images: 64}"
    grid = ["--sweep", "lr", "budget_images=32,64", explode]
    assert begin(grid, tmp_path).wait(120) == 1
    assert sorted(job.state for job in sweep_in(tmp_path).jobs()) == [DONE, FAILED]
    assert begin(grid, tmp_path).wait(60) == 1
    failed = next(job for job in sweep_in(tmp_path).jobs() if job.state == FAILED)
    assert failed.starts == 1
    assert "the paint has run out" in failed.why
    assert asked(["retry", "lr", "--json"], tmp_path)["counts"] == {"queued": 1, "done": 1}


def asked(arguments: list[str], folder: Path) -> dict:
    command = [sys.executable, "-m", "diptych", "sweep", *arguments]
    return json.loads(subprocess.check_output(command, cwd=folder, env=environment(), text=True, timeout=120))
