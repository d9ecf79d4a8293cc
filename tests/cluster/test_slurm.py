"""Sweeps on a real SLURM of one node: arrays, preemption, time limits, cancelled jobs, killed supervisors."""

import json
import os
import signal

import pytest
from cluster_sweeps import GRID, paused, said
from sweeping import asked, begin, environment_of_sweeps, sweep_in, wait_for, weights

from diptych.runs.folder.status import DONE, PREEMPTED, RUNNING, STOPPED
from diptych.sweeps.folder import SweepFolder
from sameness import differences

pytestmark = pytest.mark.slow
ON_SLURM = ["hydra/launcher=submitit_slurm", "hydra.launcher.partition=low", "hydra.launcher.timeout_min=5"]


@pytest.fixture
def environment(slurm):
    return environment_of_sweeps() | slurm.environment


def with_checkpoint(sweep: SweepFolder, number: int = 0):
    job = next((job for job in sweep.jobs() if job.number == number), None) if sweep.ledger.path.exists() else None
    run = sweep.run_of(job) if job and job.state == RUNNING else None
    return job if run and run.last.exists() and run.read_status().status == RUNNING else None


def queued_again(slurm, handle: str):
    """Wait until SLURM has requeued the job, then start it at once."""
    wait_for(lambda: slurm.job(handle).get("Restarts") == "1" and slurm.jobs()[handle] == "PENDING", 120)
    slurm.start_now(handle)


def has_resumed(sweep: SweepFolder, number: int = 0) -> bool:
    """Whether the latest start resumed from a checkpoint."""
    run = sweep.run_of(sweep.jobs()[number])
    return ["resume" in start["command"] for start in run.read_environment()] == [False, True]


def test_a_grid_is_one_array_and_gives_the_same_weights_as_a_local_one(slurm, environment, undisturbed, tmp_path):
    grid = [*GRID, *ON_SLURM, "seed=0,1", "hydra.launcher.array_parallelism=1"]
    assert begin(grid, tmp_path, environment).wait(240) == 0, said(tmp_path)
    sweep = sweep_in(tmp_path)
    array, _, index = sweep.jobs()[0].handle.partition("_")
    assert index == "0"
    assert [job.handle for job in sweep.jobs()] == [f"{array}_0", f"{array}_1"]
    assert slurm.job(f"{array}_0")["ArrayTaskThrottle"] == "1"
    assert differences(weights(sweep), undisturbed) == []
    assert asked(["status", "lr", "--json"], tmp_path, environment)["counts"] == {"done": 2}


def test_a_preempted_run_saves_waits_and_resumes(slurm, environment, undisturbed, tmp_path):
    controller = begin([*GRID, *ON_SLURM, "seed=0,1", paused(0.2)], tmp_path, environment)
    sweep = sweep_in(tmp_path)
    victims = [wait_for(lambda number=number: with_checkpoint(sweep, number)) for number in (0, 1)]
    slurm.ask("sbatch", "--partition=high", "--exclusive", "--output=/dev/null", "--wrap=sleep 1")
    wait_for(lambda: all(sweep.run_of(job).read_status().status == PREEMPTED for job in victims), 60)
    saved = [sweep.run_of(job).read_status().images_seen for job in victims]
    assert all(0 < images < 3200 for images in saved)
    for job in victims:
        queued_again(slurm, job.handle)
    assert controller.wait(240) == 0, said(tmp_path)
    assert [job.starts for job in sweep.jobs()] == [1, 1]
    assert has_resumed(sweep, 0)
    assert has_resumed(sweep, 1)
    assert differences(weights(sweep), undisturbed) == []


def test_a_run_at_its_time_limit_is_requeued_and_resumes(slurm, environment, undisturbed, tmp_path):
    limit = [
        "hydra.launcher.timeout_min=2",
        "hydra.launcher.signal_delay_s=10",
    ]  # it comes after 70 to 110 s
    controller = begin([*GRID, *ON_SLURM, *limit, "seed=0,1", paused(1.2)], tmp_path, environment)
    sweep = sweep_in(tmp_path)
    images: dict[str, int] = {}

    def is_over() -> bool:
        for job in sweep.jobs() if sweep.ledger.path.exists() else ():
            if job.handle and slurm.jobs()[job.handle] == "PENDING" and slurm.job(job.handle)["Restarts"] != "0":
                images.setdefault(job.run_id, sweep.run_of(job).read_status().images_seen)
                slurm.start_now(job.handle)
        return controller.poll() is not None

    wait_for(is_over, 600)
    assert controller.returncode == 0, said(tmp_path)
    assert len(images) == 2
    assert all(0 < seen < 3200 for seen in images.values())
    assert [job.starts for job in sweep.jobs()] == [1, 1]
    assert differences(weights(sweep), undisturbed) == []


def test_a_cancelled_job_stays_cancelled_until_the_sweep_resumes(slurm, environment, undisturbed, tmp_path):
    grid = [*GRID, *ON_SLURM, "seed=0,1", paused(0.1)]
    controller = begin(grid, tmp_path, environment)
    sweep = sweep_in(tmp_path)
    victim = wait_for(lambda: with_checkpoint(sweep))
    slurm.ask("scancel", victim.handle)
    assert controller.wait(240) == 1, said(tmp_path)
    assert [job.state for job in sweep.jobs()] == [STOPPED, DONE]
    assert "cancelled" in sweep.jobs()[0].why
    assert slurm.job(victim.handle)["Restarts"] == "0"
    assert begin(grid, tmp_path, environment).wait(240) == 0, said(tmp_path)
    assert has_resumed(sweep)
    assert differences(weights(sweep), undisturbed) == []


def test_the_next_supervisor_adopts_the_jobs_of_a_killed_one(slurm, environment, undisturbed, tmp_path):
    grid = [*GRID, *ON_SLURM, "seed=0,1", paused(0.1)]
    controller = begin(grid, tmp_path, environment)
    sweep = sweep_in(tmp_path)
    wait_for(lambda: with_checkpoint(sweep))
    os.kill(controller.pid, signal.SIGKILL)
    controller.wait()
    handles = [job.handle for job in sweep.jobs()]
    assert begin(grid, tmp_path, environment).wait(240) == 0, said(tmp_path)
    assert [(job.handle, job.starts) for job in sweep.jobs()] == [(handle, 1) for handle in handles]
    assert differences(weights(sweep), undisturbed) == []


def test_a_stopped_sweep_saves_and_leaves_no_job_behind(slurm, environment, tmp_path):
    grid = [*GRID, *ON_SLURM, "seed=0,1", "hydra.launcher.array_parallelism=1", paused(0.1)]
    controller = begin(grid, tmp_path, environment)
    sweep = sweep_in(tmp_path)
    running = wait_for(lambda: with_checkpoint(sweep))
    counts = asked(["stop", "lr", "--json"], tmp_path, environment)["counts"]
    assert counts == {"stopped": 2}
    assert controller.wait(60) == 128 + signal.SIGTERM
    states = slurm.jobs()
    assert all(states[job.handle] in ("COMPLETED", "CANCELLED", "FAILED") for job in sweep.jobs())
    status = json.loads((sweep.run_of(running).path / "status.json").read_text())
    assert (status["status"], status["why"]) == (STOPPED, "stopped by SIGINT")


def test_a_search_submits_its_trials_one_by_one_and_reads_their_results(slurm, environment, tmp_path):
    search = ["--sweep", "lr", "hydra/sweeper=optuna", "generator_optimizer.lr=tag(log,interval(1e-4,1e-2))", *ON_SLURM]
    search += ["budget_images=1280", "validate_every_images=320", "hydra.sweeper.n_trials=4"]
    search += ["hydra.launcher.array_parallelism=2"]
    assert begin(search, tmp_path, environment).wait(300) == 0, said(tmp_path)
    jobs = list(sweep_in(tmp_path).jobs())
    assert [(job.state, job.trial) for job in jobs] == [(DONE, trial) for trial in range(4)]
    assert len({job.arguments for job in jobs}) == 4
    assert all(slurm.jobs()[job.handle] == "COMPLETED" for job in jobs)
    assert "best: val/realism" in said(tmp_path)
