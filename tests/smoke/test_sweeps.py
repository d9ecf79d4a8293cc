"""Sweeps of real processes, some of them killed."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sweeping import (
    SLOW,
    asked,
    begin,
    environment_of_sweeps,
    run_and_supervisor_killed,
    sweep_in,
    wait_for,
    weights,
    with_checkpoint,
)

from diptych.runs.folder.status import DONE, FAILED
from sameness import differences


@pytest.fixture
def environment():
    return environment_of_sweeps()


@pytest.mark.slow
def test_killed_runs_are_restarted_and_end_bit_for_bit_like_undisturbed_ones(tmp_path, environment):
    grid = ["--sweep", "lr", "seed=0,1", "budget_images=3200", "callbacks.checkpoints.every_images=320", SLOW]
    grid += ["hydra.launcher.slots=2"]
    calm, stormy = tmp_path / "calm", tmp_path / "stormy"
    assert begin(grid, calm, environment).wait(180) == 0, (calm / "said.txt").read_text()

    sweep, victim = run_and_supervisor_killed(grid, stormy, environment)
    assert not sweep.is_locked
    assert begin(grid, stormy, environment).wait(180) == 0, (stormy / "said.txt").read_text()

    jobs = list(sweep.jobs())
    assert [job.state for job in jobs] == [DONE, DONE]
    assert jobs[victim.number].starts == 2
    assert len(list((stormy / "outputs").glob("tiny_gan_digits/*"))) == 2
    assert differences(weights(sweep), weights(sweep_in(calm))) == []


@pytest.mark.slow
def test_a_grid_with_random_kills_ends_bit_for_bit_like_an_undisturbed_one(tmp_path, environment):
    """Kills of runs and supervisors at random, in validations and while saving; one run always raises."""
    benchmark = Path(__file__).resolve().parents[2] / "benchmarks" / "fault_injection.py"
    few = ["--runs", "5", "--kills", "6", "--images", "2400", "--pause", "1", "3", "--folder", str(tmp_path)]
    done = subprocess.run([sys.executable, str(benchmark), *few], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "done 4, failed 1" in done.stdout


@pytest.mark.slow
def test_a_stopped_sweep_shows_its_status_and_resumes(tmp_path, environment):
    grid = ["--sweep", "lr", "seed=0,1", "budget_images=3200", "callbacks.checkpoints.every_images=320", SLOW]
    controller = begin(grid, tmp_path, environment)
    sweep = sweep_in(tmp_path)
    wait_for(lambda: with_checkpoint(sweep))
    said = asked(["stop", "lr", "--json"], tmp_path, environment)
    assert controller.wait(60) == 128 + signal.SIGTERM
    assert said["counts"] == {"queued": 1, "stopped": 1}
    assert not said["exclusive_lock"]
    first = [run for run in said["runs"] if run["state"] == "stopped"]
    assert 0 < first[0]["images"] < 3200
    assert begin(grid, tmp_path, environment).wait(120) == 0
    assert asked(["status", "lr", "--json"], tmp_path, environment)["counts"] == {"done": 2}


@pytest.mark.slow
def test_a_sweep_outlives_its_terminal(tmp_path, environment):
    """When it closes, the kernel sends SIGHUP, and later writes to it fail."""
    master, terminal = pty.openpty()
    grid = ["--sweep", "lr", "seed=0,1", "budget_images=640", SLOW]
    controller = begin(grid, tmp_path, environment, terminal)
    os.close(terminal)
    sweep = sweep_in(tmp_path)
    wait_for(lambda: with_checkpoint(sweep))
    os.close(master)
    assert controller.wait(120) == 0
    assert [job.state for job in sweep.jobs()] == [DONE, DONE]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        ("generator.widht=3", "widht"),
        ("init_from=nobody", "there is no run 'nobody'"),
        ("generator_optimizer.lr=interval(1e-4,1e-2)", "hydra/sweeper=optuna"),
    ],
)
def test_a_mistake_that_all_runs_share_is_found_before_any_run_starts(tmp_path, environment, mistake, named):
    controller = begin(["--sweep", "lr", "seed=0,1", mistake], tmp_path, environment)
    assert controller.wait(60) == 2
    assert named in (tmp_path / "said.txt").read_text()
    assert not sweep_in(tmp_path).ledger.path.exists()


@pytest.mark.slow
def test_a_dry_run_shows_the_runs_and_starts_none(tmp_path, environment):
    grid = ["--dry-run", "--sweep", "lr", "seed=0,1,2", "budget_images=1000"]
    assert begin(grid, tmp_path, environment).wait(60) == 0
    said = (tmp_path / "said.txt").read_text()
    assert "3 runs, 3,000 images" in said
    assert "the time is unknown" in said
    assert not list((tmp_path / "outputs").glob("*/*"))


@pytest.mark.slow
def test_a_dry_run_knows_the_pace_of_each_kind_of_run(tmp_path, environment):
    grid = ["--dry-run", "data=mnist,digits", "budget_images=1000", "model=tiny_gan"]
    assert begin(grid, tmp_path, environment).wait(60) == 0
    assert "no run of tiny_gan_digits, tiny_gan_mnist has" in (tmp_path / "said.txt").read_text()


@pytest.mark.slow
def test_a_dry_run_of_a_begun_sweep_shows_what_is_left(tmp_path, environment):
    assert begin(["--sweep", "lr", "seed=0", "budget_images=64"], tmp_path, environment).wait(60) == 0
    grid = ["--dry-run", "--sweep", "lr", "seed=0,1", "budget_images=64"]
    assert begin(grid, tmp_path, environment).wait(60) == 0
    said = (tmp_path / "said.txt").read_text()
    assert "sweep lr already has 1 done" in said
    assert "1 run, 64 images" in said


@pytest.mark.slow
def test_a_failed_run_is_retried_only_on_request(tmp_path, environment):
    explode = "+callbacks.explode={_target_: tinyparts.Explode, images: 64}"
    grid = ["--sweep", "lr", "budget_images=32,64", explode]
    assert begin(grid, tmp_path, environment).wait(120) == 1
    assert sorted(job.state for job in sweep_in(tmp_path).jobs()) == [DONE, FAILED]
    assert begin(grid, tmp_path, environment).wait(60) == 1
    failed = next(job for job in sweep_in(tmp_path).jobs() if job.state == FAILED)
    assert failed.starts == 1
    assert "the data have run out" in failed.why
    assert asked(["retry", "lr", "--json"], tmp_path, environment)["counts"] == {"queued": 1, "done": 1}
