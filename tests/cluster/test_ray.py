"""Sweeps on a Ray cluster of two nodes, and on one that is started for the sweep."""

import os
import signal

import psutil
import pytest
from cluster_sweeps import GRID, paused, said
from sweeping import asked, begin, environment_of_sweeps, sweep_in, wait_for, weights

from diptych.runs.folder.status import DONE, RUNNING, is_process
from diptych.sweeps.folder import SweepFolder
from sameness import differences

pytestmark = pytest.mark.slow
HALVES = ["hydra/launcher=ray", "hydra.launcher.cpus_per_run=0.5", "hydra.launcher.gpus_per_run=0.5"]


@pytest.fixture
def environment(ray_address):
    return environment_of_sweeps() | {"RAY_AUTH_MODE": "disabled"}


def living(sweep: SweepFolder) -> list[int]:
    """The processes of runs that are training and have saved."""
    jobs = sweep.jobs() if sweep.ledger.path.exists() else ()
    runs = [run for job in jobs if job.state == RUNNING and (run := sweep.run_of(job)) and run.last.exists()]
    statuses = [run.read_status() for run in runs]
    return [status.pid for status in statuses if status.status == RUNNING and is_process(status.pid, status.born)]


def test_runs_share_the_gpus_of_two_nodes(ray_address, environment, tmp_path):
    grid = [*GRID, *HALVES, f"hydra.launcher.address={ray_address}", "seed=0,1,2,3,4", paused(0.1)]
    controller = begin(grid, tmp_path, environment)
    sweep = sweep_in(tmp_path)
    pids = wait_for(lambda: len(found := living(sweep)) == 4 and found)
    nodes = [psutil.Process(pid).parent().ppid() for pid in pids]
    assert sorted(nodes.count(node) for node in set(nodes)) == [2, 2]
    assert {psutil.Process(pid).environ()["CUDA_VISIBLE_DEVICES"] for pid in pids} == {"0"}
    assert controller.wait(240) == 0, said(tmp_path)
    assert asked(["status", "lr", "--json"], tmp_path, environment)["counts"] == {"done": 5}
    assert "WARNING" not in said(tmp_path)


def test_the_next_supervisor_adopts_the_runs_of_a_killed_one(ray_address, environment, undisturbed, tmp_path):
    grid = [*GRID, *HALVES, f"hydra.launcher.address={ray_address}", "seed=0,1", paused(0.1)]
    controller = begin(grid, tmp_path, environment)
    sweep = sweep_in(tmp_path)
    wait_for(lambda: len(living(sweep)) == 2)
    os.kill(controller.pid, signal.SIGKILL)
    controller.wait()
    assert begin(grid, tmp_path, environment).wait(240) == 0, said(tmp_path)
    assert [(job.state, job.starts) for job in sweep.jobs()] == [(DONE, 1)] * 2
    assert differences(weights(sweep), undisturbed) == []


def test_a_stopped_sweep_saves_and_frees_its_share(ray_address, environment, undisturbed, tmp_path):
    grid = [*GRID, *HALVES, f"hydra.launcher.address={ray_address}", "seed=0,1", paused(0.1)]
    controller = begin(grid, tmp_path, environment)
    sweep = sweep_in(tmp_path)
    pids = wait_for(lambda: len(found := living(sweep)) == 2 and found)
    assert asked(["stop", "lr", "--json"], tmp_path, environment)["counts"] == {"stopped": 2}
    assert controller.wait(60) == 128 + signal.SIGTERM
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert begin(grid, tmp_path, environment).wait(240) == 0, said(tmp_path)
    assert differences(weights(sweep), undisturbed) == []


def test_a_cluster_started_for_the_sweep_dies_with_it_and_its_runs_resume(
    ray_address, environment, undisturbed, tmp_path
):
    grid = [*GRID, "hydra/launcher=ray", "seed=0,1", paused(0.1)]
    controller = begin(grid, tmp_path, environment)
    sweep = sweep_in(tmp_path)
    pids = wait_for(lambda: len(found := living(sweep)) == 2 and found)
    os.kill(controller.pid, signal.SIGKILL)
    controller.wait()
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids), 60)
    assert begin(grid, tmp_path, environment).wait(240) == 0, said(tmp_path)
    assert [(job.state, job.starts) for job in sweep.jobs()] == [(DONE, 2)] * 2
    assert differences(weights(sweep), undisturbed) == []
